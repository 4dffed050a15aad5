# Run at build time by the target quandex_version_header; see version.cmake.
set(QUANDEX_COMMIT "unknown")
if(GIT)
  execute_process(COMMAND ${GIT} describe --always --dirty --abbrev=10
    WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE commit
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(QUANDEX_COMMIT "${commit}")
  endif()
endif()
configure_file(${INPUT} ${OUTPUT} @ONLY)  # leaves an equal file untouched
