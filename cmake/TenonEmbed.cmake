# Files as C++ sources, so that programs need none at run time.

# tenon_embed(<out> <name> <files> <symbols>): puts into <out> one source, called <name>, with the bytes of each of the files
# as `tenon::embedded::<symbol>()`.
function(tenon_embed out name files symbols)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedFile.cmake)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/generated/embedded/${name}.cpp)
  list(JOIN files "|" in)
  list(JOIN symbols "|" names)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DIN=${in} -DOUT=${source} -DSYMBOLS=${names} -P ${script}
    DEPENDS ${files} ${script}
    COMMENT "Embedding ${name}" VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()

# tenon_embed_yaml(<out> <file>): the same for a table, as `tenon::embedded::<stem>_yaml()`. An out-of-tree family uses it
# as tenon itself does; in tenon's own build the text is parsed here, once, so that no start of a program parses it.
function(tenon_embed_yaml out path)
  cmake_path(ABSOLUTE_PATH path)
  cmake_path(GET path STEM symbol)
  string(MAKE_C_IDENTIFIER ${symbol} symbol)
  if(TARGET tenon_pack)
    set(packed ${CMAKE_CURRENT_BINARY_DIR}/generated/packed/${symbol}.yaml)
    add_custom_command(OUTPUT ${packed} COMMAND tenon_pack ${path} ${packed} DEPENDS tenon_pack ${path}
      COMMENT "Parsing ${path}" VERBATIM)
    set(path ${packed})
  endif()
  tenon_embed(source ${symbol} ${path} ${symbol}_yaml)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
