# tenon: the half that builds and runs modules with LibTorch.

add_library(tenon_usage INTERFACE)
target_link_libraries(tenon_usage INTERFACE tenon_core tenon::libtorch)

# A model's header is public: models/vit/vit.h is <tenon/models/vit/vit.h> here as in an installed tree.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated/models/tenon)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/models ${PROJECT_BINARY_DIR}/generated/models/tenon/models SYMBOLIC)
target_include_directories(tenon_usage INTERFACE $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated/models>)

# One precompiled header for every target of this half; it costs 16 s and 500 MB, so nobody makes a second.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/precompiled.cpp CONTENT "\n")
add_library(tenon_precompiled OBJECT ${PROJECT_BINARY_DIR}/generated/precompiled.cpp)
target_link_libraries(tenon_precompiled PRIVATE tenon_options tenon_usage)
target_precompile_headers(tenon_precompiled PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.h)

function(tenon_use_precompiled target)
  target_precompile_headers(${target} REUSE_FROM tenon_precompiled)
  # ccache can only cache users of a gcc precompiled header when the preprocessor mentions it.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()
target_compile_options(tenon_precompiled PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

foreach(room IN ITEMS nn build)
  tenon_sources(sources runtime/${room}/*.cpp)
  if(sources)
    tenon_room(tenon ${room} ${sources})
    tenon_use_precompiled(tenon_${room})
  endif()
endforeach()

tenon_sources(sources models/*/*.cpp)
list(FILTER sources EXCLUDE REGEX "/tables[^/]*\\.cpp$")
tenon_room(tenon models ${sources} ${TENON_FAMILY_MODULES_SOURCES})
tenon_use_precompiled(tenon_models)

tenon_library(tenon)
target_link_libraries(tenon PUBLIC tenon_usage)
