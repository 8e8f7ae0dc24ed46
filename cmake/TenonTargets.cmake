# Small helpers that the target lists are written with.

# Sources of the folders given, found again at every build; a folder may be empty or missing.
function(tenon_sources out)
  set(patterns ${ARGN})
  list(TRANSFORM patterns PREPEND ${PROJECT_SOURCE_DIR}/)
  file(GLOB found CONFIGURE_DEPENDS ${patterns})
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# One room of a half, compiled once as objects: `ninja tenon_<room>` builds it alone.
function(tenon_room half room)
  add_library(tenon_${room} OBJECT ${ARGN})
  target_link_libraries(tenon_${room} PRIVATE tenon_options ${half}_usage)
  set_property(TARGET ${half}_usage APPEND PROPERTY TENON_ROOMS tenon_${room})
endfunction()

# The library of a half out of its rooms.
function(tenon_library half)
  get_target_property(rooms ${half}_usage TENON_ROOMS)
  add_library(${half})
  foreach(room IN LISTS rooms)
    target_sources(${half} PRIVATE $<TARGET_OBJECTS:${room}>)
  endforeach()
  set_target_properties(${half} PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  add_library(tenon::${half} ALIAS ${half})
endfunction()
