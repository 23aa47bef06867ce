# SPDX-License-Identifier: Apache-2.0
# What comes around the tap's own programs: mbedTLS, the loader, signed images, the update file, and
# the ELF that a new board is flashed with. Included by CMakeLists.txt beside it.
find_program(TW_OBJCOPY arm-none-eabi-objcopy REQUIRED)
set(pack ${CMAKE_SOURCE_DIR}/tools/firmware/pack)

# ---- mbedTLS: Debian's source, fetched once; only what the loader needs

execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/tools/dev/fetch-mbedtls --into ${CMAKE_BINARY_DIR}/mbedtls
    OUTPUT_VARIABLE mbedtls OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(sources asn1parse asn1write bignum constant_time ecdsa ecp ecp_curves memory_buffer_alloc platform platform_util sha256)
list(TRANSFORM sources REPLACE "(.+)" "${mbedtls}/library/\\1.c")
add_library(tw_mbedtls STATIC ${sources})
target_link_libraries(tw_mbedtls PUBLIC tw_arm)
target_compile_options(tw_mbedtls PRIVATE -w) # its warnings are its own
target_include_directories(tw_mbedtls PRIVATE ${CMAKE_SOURCE_DIR})
target_include_directories(tw_mbedtls SYSTEM PUBLIC ${mbedtls}/include)
target_compile_definitions(tw_mbedtls PUBLIC MBEDTLS_CONFIG_FILE="firmware/port/arm/loader_mbedtls.h")

# ---- the key that images are signed with

set(TW_FIRMWARE_KEY "" CACHE FILEPATH "PEM of the ECDSA P-256 key that signs images; empty: one for development, made here")
set(TW_FIRMWARE_VERSION "0.1.0" CACHE STRING "version of the images, MAJOR.MINOR.PATCH")
set(key ${TW_FIRMWARE_KEY})
if(NOT key)
    set(key ${CMAKE_BINARY_DIR}/development-key.pem)
    if(NOT EXISTS ${key})
        execute_process(COMMAND ${pack} key --out ${key} COMMAND_ERROR_IS_FATAL ANY)
    endif()
endif()
set(point ${CMAKE_BINARY_DIR}/loader_key.c)
add_custom_command(
    OUTPUT ${point} COMMAND ${pack} point --key ${key} --out ${point} DEPENDS ${pack} ${key} VERBATIM)

# ---- the steps for one board

# tw_signed_image(BOARD SLOT): tap-BOARD-SLOT.elf as the signed tap-BOARD-SLOT.img.
function(tw_signed_image board slot)
    set(file ${CMAKE_BINARY_DIR}/tap-${board}-${slot})
    string(TOUPPER ${slot} letter)
    add_custom_command(
        OUTPUT ${file}.img
        COMMAND ${TW_OBJCOPY} -O binary ${file}.elf ${file}.bin
        COMMAND ${pack} image --key ${key} --board ${board} --slot ${letter} --version ${TW_FIRMWARE_VERSION}
                --body ${file}.bin --out ${file}.img
        DEPENDS tap-${board}-${slot} ${pack} ${key} VERBATIM)
endfunction()

# tw_factory(BOARD LOADER_AT SLOT_A_AT): loader-BOARD.elf; tap-BOARD.twtap, the update file; and tap-BOARD.elf, what
# a new board is flashed with: the loader and the image of slot A.
function(tw_factory board loader_at slot_a_at)
    set(arm ${CMAKE_SOURCE_DIR}/firmware/port/arm)
    set(core ${CMAKE_SOURCE_DIR}/firmware/core)
    set(tap ${CMAKE_BINARY_DIR}/tap-${board})
    set(loader ${CMAKE_BINARY_DIR}/loader-${board})
    string(REPLACE "-" "_" folder ${board})
    tw_arm_program(
        loader-${board} BOARD ${folder} SCRIPT loader.ld
        SOURCES ${arm}/loader.c ${arm}/loader_check.c ${arm}/image_hash.c ${arm}/bare_vectors.c ${point}
                ${core}/boot.c ${core}/image.c ${core}/link.c
        LIBS tw_mbedtls)
    target_link_options(loader-${board} PRIVATE -Wl,--defsym=tw_stack_wanted=8192)
    tw_signed_image(${board} a)
    tw_signed_image(${board} b)
    add_custom_command(
        OUTPUT ${tap}.twtap COMMAND ${pack} update --out ${tap}.twtap ${tap}-a.img ${tap}-b.img
        DEPENDS ${tap}-a.img ${tap}-b.img ${pack} VERBATIM)
    add_custom_command(
        OUTPUT ${tap}.elf
        COMMAND ${TW_OBJCOPY} -O binary ${loader}.elf ${loader}.bin
        COMMAND ${CMAKE_C_COMPILER} -nostdlib -o ${tap}.elf "-DLOADER=\"${loader}.bin\"" "-DIMAGE=\"${tap}-a.img\""
                -Wl,--section-start=.loader=${loader_at},--section-start=.image=${slot_a_at},--entry=${loader_at}
                ${arm}/factory.S
        DEPENDS ${arm}/factory.S loader-${board} ${tap}-a.img VERBATIM)
    add_custom_target(factory-${board} ALL DEPENDS ${tap}.elf ${tap}.twtap)
endfunction()

tw_factory(stm32f405 0x08000000 0x08010000)
tw_factory(mps2-an386 0x00000000 0x21010000)

# ---- for tests/firmware/update.py: the tap as ever, but confirmed after a second

foreach(slot a b)
    set(quick quick-mps2-an386-${slot})
    list(TRANSFORM lines_mps2_an386 PREPEND ${port}/mps2_an386/ OUTPUT_VARIABLE lines)
    tw_arm_program(${quick} BOARD mps2_an386 SCRIPT slot_${slot}.ld SOURCES ${arm_sources} ${core_sources} ${lines}
                   LIBS tw_mbedtls)
    target_compile_definitions(${quick} PRIVATE TW_HEALTHY_US=1000000u)
    add_custom_command(
        TARGET ${quick} POST_BUILD
        COMMAND ${TW_OBJCOPY} -O binary $<TARGET_FILE:${quick}> ${CMAKE_BINARY_DIR}/${quick}.bin VERBATIM)
endforeach()
