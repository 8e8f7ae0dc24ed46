# cmake -DIN=file|file -DOUT=file.cpp -DSYMBOLS=name|name -P EmbedFile.cmake
# Writes a C++ source that holds the bytes of each file, exactly, as `tenon::embedded::name()`.
string(REPLACE "|" ";" IN "${IN}")
string(REPLACE "|" ";" SYMBOLS "${SYMBOLS}")
set(source "#include <string_view>\nnamespace tenon::embedded {\n")
foreach(path symbol IN ZIP_LISTS IN SYMBOLS)
  file(READ "${path}" bytes HEX)
  string(LENGTH "${bytes}" digits)
  math(EXPR size "${digits} / 2")
  string(REPEAT "[0-9a-f]" 32 line)
  string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND source "static constexpr unsigned char k_${symbol}[] = {\n${bytes}0};
std::string_view ${symbol}() { return {reinterpret_cast<const char*>(k_${symbol}), ${size}}; }\n")
endforeach()
file(WRITE "${OUT}" "${source}}  // namespace tenon::embedded\n")
