# The library quandex_version: quandex_version.h with the version, the commit and the compiler that `quandex --version`
# prints. Every build asks git anew, and the file changes only when the answer does.
find_package(Git QUIET)
set(quandex_version_header ${PROJECT_BINARY_DIR}/generated/quandex_version.h)
add_custom_target(quandex_version_header
  COMMAND ${CMAKE_COMMAND}
    -DINPUT=${PROJECT_SOURCE_DIR}/cmake/quandex_version.h.in
    -DOUTPUT=${quandex_version_header}
    -DGIT=${GIT_EXECUTABLE}
    -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
    -DQUANDEX_VERSION=${PROJECT_VERSION}
    "-DQUANDEX_COMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
    -DQUANDEX_BUILD_TYPE=${CMAKE_BUILD_TYPE}
    -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
  BYPRODUCTS ${quandex_version_header}
  COMMENT "Asking git for the commit"
  VERBATIM)
add_library(quandex_version INTERFACE)
target_include_directories(quandex_version INTERFACE ${PROJECT_BINARY_DIR}/generated)
add_dependencies(quandex_version quandex_version_header)
