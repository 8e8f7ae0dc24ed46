# Language level, warnings, sanitizers, and the faster compiler and linker where they are installed.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Of a static library nothing private leaves the program's own library; the shared two, the programs and the tests need each
# other's private rooms.
if(NOT BUILD_SHARED_LIBS)
  set(CMAKE_CXX_VISIBILITY_PRESET hidden)
  set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
endif()
set(CMAKE_INSTALL_RPATH "\$ORIGIN/../lib;\$ORIGIN/../../lib")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()

# g++ 12 sees overlapping copies in every std::string it inlines (GCC bug 105651).
set(false_alarms)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(false_alarms -Wno-restrict)
endif()

# Everything is -fPIC, executables too: one precompiled header then serves libraries, tests and tools.
add_library(tenon_options INTERFACE)
target_compile_options(tenon_options INTERFACE
  -fPIC -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wextra-semi ${false_alarms}
  $<$<BOOL:${TENON_WARNINGS_ARE_ERRORS}>:-Werror>)
target_include_directories(tenon_options INTERFACE ${PROJECT_SOURCE_DIR})

if(TENON_SANITIZE)
  add_compile_options(-fsanitize=${TENON_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TENON_SANITIZE})
  if(TENON_SANITIZE MATCHES "address,undefined")  # the address sanitizer sees these too; they cost a sixth of the compile time
    add_compile_options(-fno-sanitize=null,object-size,vptr)
  endif()
endif()

# A launcher with its own environment, so that every clone shares one cache, precompiled header included.
find_program(TENON_CCACHE ccache)
mark_as_advanced(TENON_CCACHE)
if(TENON_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${TENON_CCACHE})
endif()

find_program(TENON_MOLD mold)
find_program(TENON_LLD ld.lld)
mark_as_advanced(TENON_MOLD TENON_LLD)
if(TENON_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(TENON_LLD)
  add_link_options(-fuse-ld=lld)
endif()
