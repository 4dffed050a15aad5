# Writes quandex_version.h: the version, the commit and the compiler that `quandex --version` prints.
find_package(Git QUIET)
set(QUANDEX_COMMIT "unknown")
if(Git_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=10
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE QUANDEX_COMMIT_FOUND
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE QUANDEX_GIT_FAILED)
  if(NOT QUANDEX_GIT_FAILED)
    set(QUANDEX_COMMIT "${QUANDEX_COMMIT_FOUND}")
  endif()
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/quandex_version.h.in ${PROJECT_BINARY_DIR}/generated/quandex_version.h @ONLY)
