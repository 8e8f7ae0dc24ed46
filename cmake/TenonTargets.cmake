# Small helpers that the target lists are written with. A half is a library out of rooms: `<half>_usage` is what its
# users see (headers, and what those need), `<half>_private` what only its own sources and tests may use.

# Sources of the folders given, looked for again at every build; a folder may be empty or missing.
function(tenon_sources out)
  set(patterns ${ARGN})
  list(TRANSFORM patterns PREPEND ${PROJECT_SOURCE_DIR}/)
  file(GLOB found CONFIGURE_DEPENDS ${patterns})
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# One room of a half, compiled once as objects: `ninja tenon_<room>` builds it alone.
function(tenon_room half room)
  add_library(tenon_${room} OBJECT ${ARGN})
  target_link_libraries(tenon_${room} PRIVATE tenon_options ${half}_usage ${half}_private)
  if(room IN_LIST TENON_COVERAGE)  # not -O0, where simdjson lays its objects out in another way
    target_compile_options(tenon_${room} PRIVATE --coverage -Og)
    target_link_options(${half}_usage INTERFACE --coverage)
  endif()
  set_property(TARGET ${half}_usage APPEND PROPERTY TENON_ROOMS tenon_${room})
endfunction()

# The library of a half; its users write tenon::<export_name>, in this build as from an installed package.
function(tenon_library half export_name)
  get_target_property(rooms ${half}_usage TENON_ROOMS)
  add_library(${half})
  add_library(tenon::${export_name} ALIAS ${half})
  foreach(room IN LISTS rooms)
    target_sources(${half} PRIVATE $<TARGET_OBJECTS:${room}>)
  endforeach()
  target_link_libraries(${half} PUBLIC $<BUILD_INTERFACE:${half}_usage>)
  target_compile_features(${half} PUBLIC cxx_std_20)
  set_target_properties(${half} PROPERTIES
    LINKER_LANGUAGE CXX EXPORT_NAME ${export_name}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  install(TARGETS ${half} EXPORT ${half}_targets)
  install(EXPORT ${half}_targets NAMESPACE tenon:: DESTINATION ${TENON_INSTALL_CMAKEDIR})
endfunction()

# Compiles the sources of a folder several at a time: of the time of a file that reads LibTorch, most goes into its headers.
# So helpers in anonymous namespaces need names that no other file of their folder has.
# tenon_in_batches(<target> [<most>]): a change of one file waits for the others of its batch.
function(tenon_in_batches target)
  set(most 7)
  if(ARGN)
    set(most ${ARGN})
  endif()
  if(TENON_SANITIZE)  # where whole programs are built to be run once
    set(most 16)
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME folder)
    list(APPEND all_${folder} ${source})
    list(LENGTH all_${folder} count)
    math(EXPR batch "(${count} - 1) / ${most}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${batch})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()
