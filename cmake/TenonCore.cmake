# tenon_core: everything up to an approved plan. LibTorch is not on its include path, on purpose.

add_library(tenon_core_usage INTERFACE)
target_include_directories(tenon_core_usage INTERFACE ${PROJECT_SOURCE_DIR}/runtime/include)
target_link_libraries(tenon_core_usage INTERFACE tl::expected)
add_library(tenon_core_private INTERFACE)
target_include_directories(tenon_core_private INTERFACE ${PROJECT_BINARY_DIR}/generated)
target_link_libraries(tenon_core_private INTERFACE
  fmt::fmt yaml-cpp::yaml-cpp simdjson::simdjson nlohmann_json::nlohmann_json OpenSSL::Crypto ZLIB::ZLIB Threads::Threads)

tenon_precompile(core tenon_core_usage tenon_core_private)

# Any folder of runtime/ is a room of this half, except the two that need LibTorch.
file(GLOB rooms CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/runtime ${PROJECT_SOURCE_DIR}/runtime/*)
list(REMOVE_ITEM rooms include nn build)
set(page ${PROJECT_SOURCE_DIR}/runtime/report/page/page)
tenon_embed(embedded_report page "${page}.html;${page}.css;${page}.js" "page_html;page_css;page_js")
foreach(room IN LISTS rooms)
  tenon_sources(sources runtime/${room}/*.cpp)
  list(APPEND sources ${embedded_${room}})
  if(sources)
    tenon_room(tenon_core ${room} ${sources})
    tenon_use_precompiled(tenon_${room} core)
    tenon_in_batches(tenon_${room})
  endif()
endforeach()

tenon_sources(sources models/*/tables*.cpp)
tenon_room(tenon_core tables ${sources} ${TENON_FAMILY_TABLES_SOURCES})
tenon_use_precompiled(tenon_tables core)
tenon_in_batches(tenon_tables)

tenon_library(tenon_core core)
target_include_directories(tenon_core PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(tenon_core
  PUBLIC $<INSTALL_INTERFACE:tl::expected>
  PRIVATE fmt::fmt yaml-cpp::yaml-cpp simdjson::simdjson $<BUILD_INTERFACE:nlohmann_json::nlohmann_json> OpenSSL::Crypto ZLIB::ZLIB
          Threads::Threads)
