// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/loader_check.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/memory_buffer_alloc.h>

#include "firmware/port/arm/board.h"
#include "firmware/port/arm/image_hash.h"

enum { COORDINATE = 32, HEAP = 6 * 1024 }; // bytes; a verification takes between 2 and 3 KiB

// mbedTLS found its heap overwritten: nothing in RAM can be trusted any more.
void tw_loader_give_up(int code)
{
    (void)code;
    tw_board_restart();
}

static int load_key(mbedtls_ecp_group *group, mbedtls_ecp_point *key)
{
    int code = mbedtls_ecp_group_load(group, MBEDTLS_ECP_DP_SECP256R1);
    if (code == 0) {
        code = mbedtls_mpi_read_binary(&key->X, tw_loader_key, COORDINATE);
    }
    if (code == 0) {
        code = mbedtls_mpi_read_binary(&key->Y, &tw_loader_key[COORDINATE], COORDINATE);
    }
    if (code == 0) {
        code = mbedtls_mpi_lset(&key->Z, 1);
    }
    return code != 0 ? code : mbedtls_ecp_check_pubkey(group, key);
}

static int verify(const uint8_t digest[TW_IMAGE_HASH], const uint8_t signature[TW_IMAGE_SIGNATURE])
{
    mbedtls_ecp_group group;
    mbedtls_ecp_point key;
    mbedtls_mpi r;
    mbedtls_mpi s;
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&key);
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    int code = load_key(&group, &key);
    if (code == 0) {
        code = mbedtls_mpi_read_binary(&r, signature, COORDINATE);
    }
    if (code == 0) {
        code = mbedtls_mpi_read_binary(&s, &signature[COORDINATE], COORDINATE);
    }
    if (code == 0) {
        code = mbedtls_ecdsa_verify(&group, digest, TW_IMAGE_HASH, &key, &r, &s);
    }
    mbedtls_mpi_free(&s);
    mbedtls_mpi_free(&r);
    mbedtls_ecp_point_free(&key);
    mbedtls_ecp_group_free(&group);
    return code;
}

static enum tw_image_fault check_signature(const uint8_t *bytes)
{
    static uint8_t heap[HEAP] __attribute__((aligned(8)));
    uint8_t digest[TW_IMAGE_HASH];
    tw_arm_image_hash(bytes, TW_IMAGE_SIGNED, digest);
    mbedtls_memory_buffer_alloc_init(heap, sizeof heap);
    int code = verify(digest, &bytes[TW_IMAGE_SIGNED]);
    mbedtls_memory_buffer_alloc_free();
    return code == 0 ? TW_IMAGE_GOOD : TW_IMAGE_BAD_SIGNATURE;
}

enum tw_image_fault tw_loader_check(const uint8_t *bytes, const struct tw_image_place *place)
{
    struct tw_image image;
    enum tw_image_fault fault = tw_image_check_header(bytes, place, &image);
    if (fault == TW_IMAGE_GOOD) {
        fault = check_signature(bytes);
    }
    // Last, for only now is the length and the hash in the header to be trusted.
    return fault != TW_IMAGE_GOOD ? fault : tw_image_check_body(bytes, &image, tw_arm_image_hash);
}
