// SPDX-License-Identifier: Apache-2.0
// What a new board is flashed with, byte for byte: the loader, and the signed image of slot A.
    .section .loader, "a", %progbits
    .incbin LOADER
    .section .image, "a", %progbits
    .incbin IMAGE
