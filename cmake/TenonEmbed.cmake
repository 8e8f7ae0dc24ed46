# tenon_embed_yaml(<out> <file>): puts into <out> a C++ source that holds the bytes of a table, to be added to a target.
# It defines `std::string_view tenon::embedded::<stem>_yaml()`. An out-of-tree family uses it as tenon itself does.
function(tenon_embed_yaml out path)
  cmake_path(ABSOLUTE_PATH path)
  cmake_path(GET path STEM name)
  string(MAKE_C_IDENTIFIER ${name} symbol)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedFile.cmake)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/generated/families/${name}_yaml.cpp)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DIN=${path} -DOUT=${source} -DSYMBOL=${symbol}_yaml -P ${script}
    DEPENDS ${path} ${script}
    COMMENT "Embedding ${name}.yaml" VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
