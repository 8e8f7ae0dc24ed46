# tenon: the half that builds and runs modules with LibTorch.

add_library(tenon_usage INTERFACE)
target_link_libraries(tenon_usage INTERFACE tenon_core tenon::libtorch)
add_library(tenon_private INTERFACE)
target_link_libraries(tenon_private INTERFACE tenon_core_private)

# A model's header is public: models/vit/vit.h is <tenon/models/vit/vit.h> here as in an installed tree.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated/models/tenon)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/models ${PROJECT_BINARY_DIR}/generated/models/tenon/models SYMBOLIC)
target_include_directories(tenon_usage INTERFACE ${PROJECT_BINARY_DIR}/generated/models)

tenon_precompile(torch tenon_usage tenon_private)

tenon_sources(models models/*/*.cpp)
list(FILTER models EXCLUDE REGEX "/tables[^/]*[.]cpp$")
tenon_sources(nn runtime/nn/*.cpp)
tenon_sources(build runtime/build/*.cpp)
list(APPEND models ${TENON_FAMILY_MODULES_SOURCES})
foreach(room IN ITEMS nn build models)
  if(${room})
    tenon_room(tenon ${room} ${${room}})
    tenon_use_precompiled(tenon_${room} torch)
    tenon_in_batches(tenon_${room})
  endif()
endforeach()
# Layers and models are public whole.
set_target_properties(tenon_nn tenon_models PROPERTIES CXX_VISIBILITY_PRESET default)

tenon_library(tenon tenon)
target_link_libraries(tenon
  PUBLIC $<INSTALL_INTERFACE:tenon::core> $<INSTALL_INTERFACE:tenon::libtorch>
  PRIVATE ZLIB::ZLIB)
