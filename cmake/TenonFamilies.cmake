# Families are found by folder: a configs/<name>.yaml, and where the family is built by tenon a models/<name>/ beside it.
# Adding one edits no file. The lists are plain generated functions, so nothing depends on static initialisation.

function(tenon_find_families)
  set(generated ${PROJECT_BINARY_DIR}/generated/families)
  file(GLOB tables CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/configs/*.yaml)
  file(GLOB folders CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/models/*/tables.cpp)
  set(sources)
  foreach(path IN LISTS tables)
    cmake_path(GET path STEM name)
    set(source ${generated}/${name}_yaml.cpp)
    add_custom_command(OUTPUT ${source}
      COMMAND ${CMAKE_COMMAND} -DIN=${path} -DOUT=${source} -DSYMBOL=${name}_yaml -P ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake
      DEPENDS ${path} ${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake
      COMMENT "Embedding configs/${name}.yaml" VERBATIM)
    list(APPEND sources ${source})
  endforeach()
  set(TENON_EMBEDDED_SOURCES ${sources} PARENT_SCOPE)

  file(CONFIGURE OUTPUT ${generated}/tables.cpp CONTENT "\n")
  file(CONFIGURE OUTPUT ${generated}/modules.cpp CONTENT "\n")
  set(TENON_FAMILY_TABLES_SOURCE ${generated}/tables.cpp PARENT_SCOPE)
  set(TENON_FAMILY_MODULES_SOURCE ${generated}/modules.cpp PARENT_SCOPE)
endfunction()
