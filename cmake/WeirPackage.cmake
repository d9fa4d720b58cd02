# libweir.so, what `cmake --install` puts where, and the Debian packages `weir` and `libweir-dev` (cpack -G DEB).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The folders that define what include/weir declares go in whole, the others as needed. Only what WEIR_API marks comes out: objects are
# compiled hidden, and the version script takes back what the headers of Boost and the standard library mark visible on their own.
set(WEIR_VERSION_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/weir.map")
add_library(weir_shared SHARED
  $<TARGET_OBJECTS:weir_library> $<TARGET_OBJECTS:weir_base> $<TARGET_OBJECTS:weir_llm>)
add_library(weir::weir ALIAS weir_shared)
set_target_properties(weir_shared PROPERTIES
  OUTPUT_NAME weir EXPORT_NAME weir VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE CXX
  LINK_DEPENDS "${WEIR_VERSION_SCRIPT}")
target_link_libraries(weir_shared PRIVATE weir_library)
target_link_options(weir_shared PRIVATE -Wl,-z,defs "-Wl,--version-script=${WEIR_VERSION_SCRIPT}")
target_include_directories(weir_shared INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_compile_features(weir_shared INTERFACE cxx_std_23)

set(WEIR_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/weir")
install(TARGETS weir RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT weir)
install(TARGETS weir_shared EXPORT weirTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT weir NAMELINK_COMPONENT libweir-dev)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/weir" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  COMPONENT libweir-dev FILES_MATCHING PATTERN "*.h")
install(EXPORT weirTargets NAMESPACE weir:: DESTINATION "${WEIR_CMAKE_DIR}" COMPONENT libweir-dev)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/weirConfig.cmake.in" "${CMAKE_BINARY_DIR}/package/weirConfig.cmake"
  INSTALL_DESTINATION "${WEIR_CMAKE_DIR}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file("${CMAKE_BINARY_DIR}/package/weirConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/package/weirConfig.cmake" "${CMAKE_BINARY_DIR}/package/weirConfigVersion.cmake"
  DESTINATION "${WEIR_CMAKE_DIR}" COMPONENT libweir-dev)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME copyright COMPONENT weir)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/libweir-dev" RENAME copyright
  COMPONENT libweir-dev)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VENDOR Weir)
set(CPACK_PACKAGE_CONTACT "the Weir authors <weir@example.invalid>")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL weir libweir-dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_WEIR_PACKAGE_NAME weir)
set(CPACK_DEBIAN_WEIR_PACKAGE_SECTION utils)
set(CPACK_COMPONENT_WEIR_DESCRIPTION "collects LLM batch and prompt-cache discounts: the program and libweir.so.0")
set(CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_NAME libweir-dev)
set(CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_LIBWEIR-DEV_PACKAGE_DEPENDS "weir (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_LIBWEIR-DEV_DESCRIPTION "headers and CMake package of libweir, the library of weir")
include(CPack)
