# An installed package: headers, libraries, programs, find_package(tenon) and pkg-config.

include(CMakePackageConfigHelpers)

install(DIRECTORY runtime/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES third_party/LibTorch.cmake cmake/TenonEmbed.cmake cmake/EmbedFile.cmake
        DESTINATION ${TENON_INSTALL_CMAKEDIR})

configure_package_config_file(cmake/tenonConfig.cmake.in ${PROJECT_BINARY_DIR}/generated/package/tenonConfig.cmake
  INSTALL_DESTINATION ${TENON_INSTALL_CMAKEDIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/package/tenonConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/package/tenonConfig.cmake
              ${PROJECT_BINARY_DIR}/generated/package/tenonConfigVersion.cmake
        DESTINATION ${TENON_INSTALL_CMAKEDIR})

# A static library needs what it was built from at its user's link too.
set(requires Requires.private)
if(NOT BUILD_SHARED_LIBS)
  set(requires Requires)
endif()
file(RELATIVE_PATH prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
foreach(name IN ITEMS tenon-core tenon)
  if(name STREQUAL "tenon-core" OR TENON_WITH_TORCH)
    configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/generated/package/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/generated/package/${name}.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endif()
endforeach()

if(TENON_WITH_TORCH)
  install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tenon/models FILES_MATCHING PATTERN "*.h")
endif()
if(TARGET tenon_cli)
  install(TARGETS tenon_cli DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET tenon_torch_cli)
  install(TARGETS tenon_torch_cli DESTINATION libexec/tenon)
endif()
