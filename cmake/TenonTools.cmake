# Two programs: bin/tenon starts in milliseconds and hands what needs LibTorch to libexec/tenon/tenon-torch.

tenon_sources(common tools/common/*.cpp)
tenon_sources(core tools/tenon.cpp tools/core/*.cpp)
tenon_sources(torch tools/torch/*.cpp)

# What `tenon explain ID` prints: a page for each id, named after it, and lists of codes with a row for each.
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/findings/*.md ${PROJECT_SOURCE_DIR}/docs/*-codes.md)
set(page_symbols)
set(page_declarations)
set(page_list)
set(code_list)
foreach(path IN LISTS pages)
  cmake_path(GET path STEM id)
  string(MAKE_C_IDENTIFIER page_${id} symbol)
  list(APPEND page_symbols ${symbol})
  string(APPEND page_declarations "std::string_view ${symbol}();\n")
  if(path MATCHES "/findings/")
    string(APPEND page_list "      EmbeddedPage{\"${id}\", embedded::${symbol}()},\n")
  else()
    string(APPEND code_list "      embedded::${symbol}(),\n")
  endif()
endforeach()
tenon_embed(embedded_pages pages "${pages}" "${page_symbols}")
list(APPEND core ${embedded_pages})
configure_file(${PROJECT_SOURCE_DIR}/cmake/pages.cpp.in ${PROJECT_BINARY_DIR}/generated/pages.cpp @ONLY)

# What both programs share, compiled once.
if(common)
  add_library(tenon_tools_common OBJECT ${common})
  target_link_libraries(tenon_tools_common PRIVATE
    tenon_options tenon_core_usage tenon_core_private CLI11::CLI11 spdlog::spdlog)
  tenon_use_precompiled(tenon_tools_common core)
  tenon_in_batches(tenon_tools_common)
endif()

if(core)
  list(APPEND core ${PROJECT_BINARY_DIR}/generated/pages.cpp)
  add_executable(tenon_cli ${core} $<TARGET_OBJECTS:tenon_tools_common>)
  target_link_libraries(tenon_cli PRIVATE tenon_options tenon_core tenon_core_private CLI11::CLI11 spdlog::spdlog)
  tenon_use_precompiled(tenon_cli core)
  tenon_in_batches(tenon_cli)
  set_target_properties(tenon_cli PROPERTIES
    OUTPUT_NAME tenon RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()

if(torch AND TENON_WITH_TORCH)
  list(REMOVE_ITEM torch ${PROJECT_SOURCE_DIR}/tools/torch/main.cpp)
  add_library(tenon_torch_verbs OBJECT ${torch})
  target_link_libraries(tenon_torch_verbs PUBLIC
    tenon_options tenon tenon_private spdlog::spdlog benchmark::benchmark)
  tenon_use_precompiled(tenon_torch_verbs torch)
  tenon_in_batches(tenon_torch_verbs)
  add_executable(tenon_torch_cli tools/torch/main.cpp $<TARGET_OBJECTS:tenon_tools_common>)
  target_link_libraries(tenon_torch_cli PRIVATE tenon_torch_verbs)
  set_target_properties(tenon_torch_cli PROPERTIES
    OUTPUT_NAME tenon-torch RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/libexec/tenon)
endif()

# CLIP's tokenizer: texts become inputs of `tenon run`. A program of its own, since no verb needs it.
set(html_entities ${PROJECT_BINARY_DIR}/generated/html_entities.cpp)
add_custom_command(OUTPUT ${html_entities}
  COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/tokenizer/html_entities.py ${html_entities}
  DEPENDS ${PROJECT_SOURCE_DIR}/tools/tokenizer/html_entities.py COMMENT "Listing HTML entities" VERBATIM)
tenon_sources(tokenizer tools/tokenizer/*.cpp)
list(REMOVE_ITEM tokenizer ${PROJECT_SOURCE_DIR}/tools/tokenizer/main.cpp)
add_library(tenon_tokenizer STATIC ${tokenizer} ${html_entities})
target_link_libraries(tenon_tokenizer PUBLIC tenon_options tenon_core PRIVATE ICU::i18n ICU::uc ZLIB::ZLIB)
add_executable(tenon_clip_tokens tools/tokenizer/main.cpp $<TARGET_OBJECTS:tenon_tools_common>)
target_link_libraries(tenon_clip_tokens PRIVATE tenon_tokenizer tenon_core_private CLI11::CLI11 spdlog::spdlog)
set_target_properties(tenon_clip_tokens PROPERTIES
  OUTPUT_NAME clip-tokens RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/libexec/tenon)

# A program as a user of the library would write it; see tools/demos/sampling.sh.
tenon_sources(sample tools/sample/*.cpp)
if(sample AND TENON_WITH_TORCH)
  add_executable(tenon_sample ${sample})
  target_include_directories(tenon_sample PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(tenon_sample PRIVATE tenon tenon_private PNG::PNG)
  target_compile_options(tenon_sample PRIVATE -fPIC)  # as the precompiled header
  tenon_use_precompiled(tenon_sample torch)
  tenon_in_batches(tenon_sample)
  set_target_properties(tenon_sample PROPERTIES
    OUTPUT_NAME sample-digits RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()
