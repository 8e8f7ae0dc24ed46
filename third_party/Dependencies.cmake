# What the core half and the tests are built from; README.md says why each one is here.

find_package(Threads REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
if(TENON_TOOLS OR TENON_TESTS)
  find_package(spdlog REQUIRED)
endif()
if(TENON_TOOLS)
  find_package(CLI11 REQUIRED)
endif()
if(TENON_TESTS)
  find_package(GTest REQUIRED)
endif()

# yaml-cpp's target has no namespace before 0.8.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
