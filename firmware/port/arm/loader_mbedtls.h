// SPDX-License-Identifier: Apache-2.0
//
// What the loader takes of mbedTLS 2.28: verifying ECDSA on P-256, and SHA-256; small rather than
// fast. Given to its sources as MBEDTLS_CONFIG_FILE; include/mbedtls/config.h there explains each.
//
// Threading: none. Memory: mbedTLS's heap is loader_check.c's buffer. Time: none. Errors: a broken
// heap restarts the board.
#ifndef TW_LOADER_MBEDTLS_H
#define TW_LOADER_MBEDTLS_H

#define MBEDTLS_HAVE_ASM

#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER

#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_MAX_SIZE 72 // bytes; P-256's products and a little
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_WINDOW_SIZE       2
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#define MBEDTLS_ECP_NO_INTERNAL_RNG   // nothing secret is computed with
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ASN1_PARSE_C // ECDSA asks for both; the linker leaves them out again
#define MBEDTLS_ASN1_WRITE_C

#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C
#define MBEDTLS_PLATFORM_EXIT_MACRO tw_loader_give_up
void tw_loader_give_up(int code);

#include <mbedtls/check_config.h>

#endif
