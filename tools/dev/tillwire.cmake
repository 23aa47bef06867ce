# SPDX-License-Identifier: Apache-2.0
# The three functions the folders' CMakeLists.txt use.

# tw_library(NAME SOURCES … LIBS …): a part of the house as a static library.
function(tw_library name)
    cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${A_SOURCES})
    target_link_libraries(${name} PUBLIC tw_base ${A_LIBS})
endfunction()

# tw_unit_test(NAME LIBS … [SOURCES …]): tests/unit/NAME_test.c as a cmocka program and a ctest test.
function(tw_unit_test name)
    cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name}_test ${CMAKE_SOURCE_DIR}/tests/unit/${name}_test.c ${A_SOURCES})
    set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_definitions(${name}_test PRIVATE TW_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_libraries(${name}_test PRIVATE tw_base ${A_LIBS} cmocka)
    add_test(NAME unit.${name} COMMAND ${name}_test)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit)
endfunction()

# tw_fuzz_target(NAME LIBS …): tests/fuzz/NAME_fuzz.c. With TW_FUZZ it is a libFuzzer program; without
# an engine it runs its corpus (tests/corpus/NAME/) as an ordinary test.
function(tw_fuzz_target name)
    cmake_parse_arguments(A "" "" "LIBS" ${ARGN})
    set(sources ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}_fuzz.c)
    if(NOT TW_FUZZ)
        list(APPEND sources ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus_main.c)
    endif()
    add_executable(${name}_fuzz ${sources})
    set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name}_fuzz PRIVATE tw_base ${A_LIBS})
    if(TW_FUZZ)
        target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    endif()
    add_test(NAME fuzz.${name} COMMAND ${name}_fuzz -runs=0 ${CMAKE_SOURCE_DIR}/tests/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz)
endfunction()
