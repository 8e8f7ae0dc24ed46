# cmake -DIN=file -DOUT=file.cpp -DSYMBOL=name -P EmbedFile.cmake
# Writes a C++ source that holds the bytes of IN, exactly, as `tenon::embedded::SYMBOL()`.
file(READ "${IN}" bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REPEAT "[0-9a-f]" 32 line)
string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUT}" "#include <string_view>
namespace tenon::embedded {
static constexpr unsigned char kBytes[] = {
${bytes}0};
std::string_view ${SYMBOL}() { return {reinterpret_cast<const char*>(kBytes), ${size}}; }
}  // namespace tenon::embedded
")
