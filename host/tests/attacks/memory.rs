//! Guests that take memory: memories, tables, handles, and lists over the ABI.

use crate::attack::{answers, fails, grows};
use crate::guests::{refuses_guests, withstands_guests};

#[test]
fn memories_and_tables_grow_up_to_the_limit() {
    // 8 MiB are 128 pages, and a table of 1,000 elements is 8,000 bytes. The pool has room for 100,000 elements in a table.
    withstands_guests(
        FLAGS,
        &[
            grows("/grow-memory", 128),
            grows("/grow-memory-at-once", 128),
            grows("/grow-two-memories", 128),
            grows("/grow-table", 100),
            grows("/grow-four-tables", 400),
            grows("/memory-of-64-bits", 128),
        ],
    );
}

#[test]
fn guests_that_begin_too_large_are_refused() {
    refuses_guests(
        FLAGS,
        &[
            ("huge-memory", "memory"),
            ("huge-table", "table"),
            ("huge-data", "memory"),
            ("many-memories", "memories"),
            ("many-instances", "instances"),
        ],
    );
}

#[test]
fn memory_of_others_is_out_of_reach() {
    withstands_guests(
        FLAGS,
        &[
            fails("/read-beyond-memory", 500, "out of bounds memory access"),
            fails("/write-beyond-memory", 500, "out of bounds memory access"),
            fails(
                "/call-of-an-inner-component",
                500,
                "cannot enter component instance",
            ),
            fails("/call-beyond-table", 500, "undefined element"),
            fails("/call-of-another-type", 500, "indirect call type mismatch"),
        ],
    );
}

#[test]
fn handles_are_bounded_and_cannot_be_forged() {
    withstands_guests(
        FLAGS,
        &[
            fails("/endless-resources", 500, "handle"),
            fails("/forged-descriptor", 500, "handle"),
            fails("/forged-stream", 500, "handle"),
            fails("/confused-handle", 500, "handle"),
            fails("/body-dropped-twice", 500, "handle"),
        ],
    );
}

#[test]
fn the_host_checks_every_address_and_length() {
    withstands_guests(
        FLAGS,
        &[
            fails("/realloc-beyond-memory", 500, "the handler trapped"),
            fails("/realloc-at-odd-address", 500, "the handler trapped"),
            fails("/realloc-that-grows", 500, "the handler trapped"),
            fails("/realloc-that-traps", 500, "the handler trapped"),
            answers("/realloc-at-one-address", "127.0.0."),
            fails("/response-beyond-memory", 500, "the handler trapped"),
            fails("/response-at-odd-address", 500, "the handler trapped"),
            fails("/body-beyond-memory", 500, "the handler trapped"),
            fails("/body-of-4-gib", 500, "the handler trapped"),
            fails("/body-of-unknown-kind", 500, "the handler trapped"),
            fails("/header-name-of-4-gib", 500, "the handler trapped"),
            fails("/header-name-that-is-no-text", 500, "the handler trapped"),
            fails("/headers-without-end", 500, "the handler trapped"),
            fails("/headers-of-one-text", 500, "the handler"),
            fails("/headers-of-one-name", 500, "the handler"),
            fails("/headers-of-nothing", 500, "headers"),
            fails("/trap-in-post-return", 500, "the handler trapped"),
        ],
    );
}

const FLAGS: &str = "--memory 8MiB --cpu 5s --timeout 10m";
