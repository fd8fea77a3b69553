# Every test, and the programs tests need. Included by the top CMakeLists.txt.

# tests/unit/<room>/*.c: one Criterion program per room, each test in a process of its own.
enable_testing()
if(CMAKE_CROSSCOMPILING OR RUNNEL_SANITIZE MATCHES thread) # where Criterion cannot run: see tests/shim
  add_library(criterion STATIC tests/shim/shim.c)
  target_include_directories(criterion PUBLIC tests/shim)
  target_compile_options(criterion PUBLIC -Wno-pedantic -Wno-sign-compare # and GCC's false alarms
                         $<$<C_COMPILER_ID:GNU>:-Wno-dangling-pointer>)
  target_link_libraries(criterion PUBLIC Threads::Threads m)
  set(criterion_options --patience 20)
else()
  pkg_check_modules(CRITERION IMPORTED_TARGET criterion)
  if(CRITERION_FOUND)
    add_library(criterion ALIAS PkgConfig::CRITERION)
    set(criterion_options --jobs 2)
  endif()
endif()
set(sanitizer_env "")
if(RUNNEL_SANITIZE MATCHES thread AND CMAKE_C_COMPILER_ID MATCHES Clang)
  # What tells the sanitizer of OpenMP's forks and barriers; with GCC it knows nothing of them.
  get_filename_component(omp_dir "${OpenMP_omp_LIBRARY}" DIRECTORY)
  find_library(ARCHER_LIBRARY archer HINTS ${omp_dir} REQUIRED)
  set(sanitizer_env ";OMP_TOOL_LIBRARIES=${ARCHER_LIBRARY}")
endif()
function(rn_unit_tests room)
  file(GLOB sources CONFIGURE_DEPENDS tests/unit/${room}/*.c)
  if(sources AND TARGET criterion)
    add_executable(test-${room} ${sources})
    target_compile_options(test-${room} PRIVATE -Wno-pedantic -Wno-missing-prototypes)
    target_compile_definitions(test-${room} PRIVATE RUNNEL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_libraries(test-${room} PRIVATE ${ARGN} criterion)
    add_dependencies(test-${room} runnel-cpu)
    add_test(NAME unit-${room} COMMAND test-${room} ${criterion_options})
    # Tests share the processor with each other: threads that wait must not spin. The user's own
    # cache is left alone.
    set_tests_properties(
      unit-${room} PROPERTIES WORKING_DIRECTORY ${CMAKE_BINARY_DIR} ENVIRONMENT
      "OMP_WAIT_POLICY=passive;RUNNEL_CACHE=${CMAKE_BINARY_DIR}/unit-cache${sanitizer_env}")
    if(RUNNEL_SANITIZE MATCHES address)
      target_sources(test-${room} PRIVATE tests/sanitize/leaks.c)
    endif()
    if(RUNNEL_SANITIZE) # what is found when a test's process ends comes too late for Criterion
      set_tests_properties(unit-${room} PROPERTIES
                           FAIL_REGULAR_EXPRESSION "(Address|Leak|Thread)Sanitizer: |runtime error: ")
    endif()
  endif()
endfunction()
# A web server on loopback that misbehaves on request: inside unit tests, and as build/test-server.
file(GLOB server_sources CONFIGURE_DEPENDS tests/server/*.c)
list(REMOVE_ITEM server_sources ${CMAKE_SOURCE_DIR}/tests/server/main.c)
add_library(testserver STATIC ${server_sources})
target_include_directories(testserver PUBLIC tests/server)
target_link_libraries(testserver PUBLIC Threads::Threads PkgConfig::SSL PkgConfig::ZLIB)
add_executable(test-server tests/server/main.c)
target_link_libraries(test-server PRIVATE testserver)

foreach(room base fetch kernels data model stages runner)
  rn_unit_tests(${room} ${room} testserver)
endforeach()
rn_unit_tests(hostile stages testserver) # the fetcher against servers, with the real formats
if(TARGET test-hostile)
  target_sources(test-hostile PRIVATE tests/unit/fetch/rig.c)
endif()
if(TARGET test-runner)
  target_sources(test-runner PRIVATE tests/fake/kinds.c tests/fake/fold_files.c)
endif()

if(TARGET test-data)
  target_link_libraries(test-data PRIVATE OpenMP::OpenMP_C) # its own threads, not the room's
endif()

# Encoding alone, for tests/bench/tokenizer.sh.
add_executable(bench-encode EXCLUDE_FROM_ALL tests/bench/encode.c)
target_link_libraries(bench-encode PRIVATE data)
# Batches, and columns of text, for the scripts of their names there.
foreach(bench loader parquet)
  add_executable(bench-${bench} EXCLUDE_FROM_ALL tests/bench/${bench}.c)
  target_link_libraries(bench-${bench} PRIVATE data)
endforeach()

# A training step and its products alone, for tests/bench/train.sh.
add_executable(bench-step tests/bench/step.c) # tests/e2e/gpu_check.sh runs it, too
target_link_libraries(bench-step PRIVATE model)
add_dependencies(bench-step runnel-cpu)

# Plugins that the door must refuse.
file(GLOB test_plugins CONFIGURE_DEPENDS tests/unit/kernels/plugins/*.c)
if(TARGET test-kernels)
  target_compile_options(test-kernels PRIVATE -fopenmp-simd) # for cpu/vmath.h
  foreach(source ${test_plugins})
    get_filename_component(name ${source} NAME_WE)
    add_library(runnel-${name} MODULE ${source})
    target_link_libraries(runnel-${name} PRIVATE kernels)
    add_dependencies(test-kernels runnel-${name})
  endforeach()
endif()

include(tests/emu/emu.cmake)

# The driver's library of cards that do as they are told, and of an old driver: for LD_LIBRARY_PATH.
foreach(driver nvml nvml-old)
  add_library(fake-${driver} SHARED tests/fake/nvml.c)
  target_compile_options(fake-${driver} PRIVATE -Wno-missing-prototypes)
  set_target_properties(fake-${driver} PROPERTIES OUTPUT_NAME nvidia-ml SOVERSION 1
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fake-${driver})
endforeach()
target_compile_definitions(fake-nvml-old PRIVATE FAKE_NVML_OLD)
if(TARGET test-runner)
  add_dependencies(test-runner fake-nvml fake-nvml-old)
  target_compile_definitions(test-runner PRIVATE RUNNEL_BUILD_DIR="${CMAKE_BINARY_DIR}")
endif()

# Kills and faults from outside: a preloaded library, and programs that run runnel under it.
add_library(runnel-faults MODULE tests/shim/faults.c)
target_compile_options(runnel-faults PRIVATE -fno-sanitize=all -Wno-pedantic)
target_link_libraries(runnel-faults PRIVATE ${CMAKE_DL_LIBS})
add_library(runnel-noflock MODULE tests/shim/noflock.c)
target_compile_options(runnel-noflock PRIVATE -fno-sanitize=all -Wno-pedantic -Wno-missing-prototypes)
target_link_libraries(runnel-noflock PRIVATE ${CMAKE_DL_LIBS})
add_executable(torture-kill tests/torture/kill.c tests/torture/trial.c)
target_link_libraries(torture-kill PRIVATE base)
add_executable(torture-sweep tests/torture/sweep.c tests/torture/trial.c)
target_link_libraries(torture-sweep PRIVATE base)
add_executable(runnel-torture runner/main.c tests/torture/kinds.c tests/fake/fold_files.c)
target_link_libraries(runnel-torture PRIVATE runner)

# Arrows between rooms, line length, banned calls: held by a program.
add_test(NAME tidy COMMAND bash ${CMAKE_SOURCE_DIR}/tests/tidy/tidy.sh ${CMAKE_BINARY_DIR})

set(test_env "RUNNEL=${CMAKE_BINARY_DIR}/runnel;SRC=${CMAKE_SOURCE_DIR};BUILD=${CMAKE_BINARY_DIR}")
string(APPEND test_env "${sanitizer_env}")
set(fuzz_seconds_overrides 5) # others: 20
set(fuzz_seconds_pickle 5)
set(fuzz_seconds_tokens 5)
set(fuzz_seconds_tokenizer_json 5)
add_test(NAME fuzz-build COMMAND bash ${CMAKE_SOURCE_DIR}/tests/fuzz/build.sh)
set_tests_properties(fuzz-build PROPERTIES ENVIRONMENT "${test_env}" FIXTURES_SETUP fuzz
                     SKIP_RETURN_CODE 77 TIMEOUT 900)
foreach(source ${fuzz_targets})
  get_filename_component(name ${source} NAME_WE)
  add_test(NAME fuzz-${name}
           COMMAND bash ${CMAKE_SOURCE_DIR}/tests/fuzz/run.sh ${name} ${fuzz_seconds_${name}})
  set_tests_properties(fuzz-${name} PROPERTIES ENVIRONMENT "${test_env}" FIXTURES_REQUIRED fuzz
                       SKIP_RETURN_CODE 77 TIMEOUT 120)
endforeach()

# tests/e2e/*.sh: the program as a user runs it.
file(GLOB e2e_tests CONFIGURE_DEPENDS tests/e2e/*.sh)
foreach(script ${e2e_tests})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME e2e-${name} COMMAND bash ${script})
  # A watchdog, not a measure: on a busy machine hundreds of runs take their time.
  set_tests_properties(e2e-${name} PROPERTIES ENVIRONMENT "${test_env}" TIMEOUT 1800)
endforeach()
# The long ones first, so that no core waits for the last one.
set_tests_properties(e2e-smoke e2e-kill e2e-faults fuzz-build PROPERTIES COST 100)

# One rank of a world, for tests/e2e/ranks.sh.
add_executable(test-collectives tests/ranks/collectives.c)
target_link_libraries(test-collectives PRIVATE kernels)
if(TARGET runnel-mpi)
  add_dependencies(test-collectives runnel-mpi)
endif()
