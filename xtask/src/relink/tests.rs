//! The tests link the shim of a component that is written like the output of wit-component, and of variants of it.

use std::fs;
use std::ops::Range;

use wasmparser::{KnownCustom, Name, Parser, Payload};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, Trap};
use xtask::workspace;

use super::link_shim;
use super::sections::sections;

/// A component as wit-component builds it. Its main module imports two functions that take strings and one that does
/// not, and stores one of them in its own table.
const COMPONENT: &str = r#"(component
    (import "length" (func $length (param "text" string) (result u32)))
    (import "three" (func $three (result u32)))
    (import "sum" (func $sum (param "texts" (list string)) (result u32)))

    (core module $main
        (type $string (func (param i32 i32) (result i32)))
        (type $number (func (result i32)))
        (import "host" "length" (func $length (type $string)))
        (import "host" "three" (func $three (type $number)))
        (import "more" "sum" (func $sum (type $string)))
        (table 2 2 funcref)
        (memory (export "memory") 1)
        (global $calls (mut i32) (i32.const 0))
        (export "three" (func $three))
        (elem (i32.const 0) func $run $sum)
        (data (i32.const 8) "four\08\00\00\00\04\00\00\00\08\00\00\00\03\00\00\00")
        (func $run (export "run") (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (i32.add
                (i32.add
                    (call $length (i32.const 8) (i32.const 4))
                    (i32.mul (i32.const 10) (call $three)))
                (i32.add
                    (i32.mul (i32.const 100)
                        (call_indirect (type $string) (i32.const 12) (i32.const 2) (i32.const 1)))
                    (i32.mul (i32.const 1000) (global.get $calls)))))
    )
    (core module $shim
        (type (func (param i32 i32) (result i32)))
        (table (export "$imports") 2 2 funcref)
        (func (export "0") (type 0) local.get 0 local.get 1 i32.const 0 call_indirect (type 0))
        (func (export "1") (type 0) local.get 0 local.get 1 i32.const 1 call_indirect (type 0))
    )
    (core module $fixup
        (type (func (param i32 i32) (result i32)))
        (import "" "0" (func (type 0)))
        (import "" "1" (func (type 0)))
        (import "" "$imports" (table 2 2 funcref))
        (elem (i32.const 0) func 0 1)
    )

    (core instance $shim-instance (instantiate $shim))
    (alias core export $shim-instance "0" (core func $shimmed-length))
    (alias core export $shim-instance "1" (core func $shimmed-sum))
    (core func $lowered-three (canon lower (func $three)))
    (core instance $host
        (export "length" (func $shimmed-length))
        (export "three" (func $lowered-three)))
    (core instance $more (export "sum" (func $shimmed-sum)))
    (core instance $main-instance (instantiate $main
        (with "host" (instance $host))
        (with "more" (instance $more))))
    (alias core export $main-instance "memory" (core memory $memory))
    (alias core export $shim-instance "$imports" (core table $shim-table))
    (core func $lowered-length (canon lower (func $length) (memory $memory)))
    (core func $lowered-sum (canon lower (func $sum) (memory $memory)))
    (core instance $fixup-imports
        (export "$imports" (table $shim-table))
        (export "0" (func $lowered-length))
        (export "1" (func $lowered-sum)))
    (core instance $fixup-instance (instantiate $fixup (with "" (instance $fixup-imports))))
    (alias core export $main-instance "run" (core func $run))
    (func (export "run") (result u32) (canon lift (core func $run)))
)"#;

/// 4 for the length of one string, 10 * 3, 100 * 7 for the lengths of two strings, and 1000 for the first call.
const ANSWER: u32 = 4 + 30 + 700 + 1000;

/// Changes to [`COMPONENT`] that keep its shape: the replaced text, the new text, what changes, and whether it traps.
const LINKED: &[(&str, &str, &str, bool)] = &[
    (NOTHING, NOTHING, "nothing", !TRAPS),
    (
        "(table 2 2 funcref)\n        (memory",
        "(table 2 funcref)\n        (memory",
        "the main module's table can grow",
        !TRAPS,
    ),
    (
        "(table 2 2 funcref)\n        (memory",
        "(table 2 2 funcref) (table 3 funcref)\n        (memory",
        "the main module has two tables",
        !TRAPS,
    ),
    (
        "(i32.const 12) (i32.const 2) (i32.const 1))",
        "(i32.const 12) (i32.const 2) (i32.const 2))",
        "the main module calls beyond the end of its table",
        TRAPS,
    ),
    (
        "(elem (i32.const 0) func $run $sum)",
        "(elem (i32.const 0) func $run $three)",
        "the main module calls a function of another type",
        TRAPS,
    ),
    (
        "(func (export \"0\") (type 0) local.get 0 local.get 1 i32.const 0 call_indirect (type 0))",
        "(func (export \"0\") (type 0) local.get 0 local.get 1 i32.const 2 call_indirect (type 0))",
        "a function of the shim calls beyond the end of the table",
        TRAPS,
    ),
    (
        "(elem (i32.const 0) func 0 1)\n",
        "(elem (i32.const 1) func 1)\n",
        "the fixup module fills only a part of the table",
        TRAPS,
    ),
    (
        "(elem (i32.const 0) func 0 1)\n",
        "(elem (i32.const 0) func 0 1) (func (export \"f\"))\n",
        "the fixup module has functions",
        !TRAPS,
    ),
    (
        "(alias core export $main-instance \"run\" (core func $run))",
        "(alias core export $main-instance \"run\" (core func $run))
         (core instance (export \"table\" (table $shim-table)))",
        "another instance has the shim's table",
        !TRAPS,
    ),
    (
        "(core func $lowered-three (canon lower (func $three)))",
        "(core func $lowered-three (canon lower (func $three)))
         (type $owned (resource (rep i32)))
         (core func $drop (canon resource.drop $owned))
         (type (resource (rep i32) (dtor (core func $drop))))",
        "a resource type has a destructor",
        !TRAPS,
    ),
    (
        "(core instance $shim-instance (instantiate $shim))",
        "(component (core module (func (export \"f\")))
            (core instance $i (instantiate 0))
            (func (export \"f\") (canon lift (core func $i \"f\"))))
         (core instance $shim-instance (instantiate $shim))",
        "there is a nested component",
        !TRAPS,
    ),
];

/// Replacing this text by itself changes nothing.
const NOTHING: &str = "(core module $main";

const TRAPS: bool = true;

/// Changes to [`COMPONENT`] that are refused: the replaced text, the new text, and the error.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "(export \"three\" (func $three))",
        "(export \"$imports\" (func $three))",
        "the main module already exports `$imports`",
    ),
    (
        "(func (export \"0\") (type 0) local.get 0 local.get 1",
        "(func (export \"0\") (type 0) local.get 1 local.get 0",
        "a function of the shim does not only call through the table",
    ),
    (
        "(table (export \"$imports\") 2 2 funcref)",
        "(table (export \"$imports\") 2 2 funcref) (memory 1)",
        "the shim has more than functions and a table",
    ),
    (
        "(table (export \"$imports\") 2 2 funcref)",
        "(table (export \"$imports\") 2 2 funcref) (table 1 1 funcref)",
        "the shim has more than one table",
    ),
    (
        "(alias core export $main-instance \"run\" (core func $run))",
        "(alias core export $main-instance \"run\" (core func $run))
         (func (export \"direct\") (param \"a\" u32) (param \"b\" u32) (result u32)
            (canon lift (core func $shimmed-sum)))",
        "not only the main module uses the functions of the shim",
    ),
    (
        "(core instance $fixup-instance",
        "(core module $other (import \"\" \"sum\" (func (param i32 i32) (result i32))))
         (core instance (instantiate $other (with \"\" (instance $more))))
         (core instance $fixup-instance",
        "2 modules import functions of the shim instead of one",
    ),
    (
        "(core instance $shim-instance (instantiate $shim))",
        "(core instance $shim-instance (instantiate $shim)) (core instance (instantiate $shim))",
        "the shim or the main module has two instances",
    ),
    (
        "(with \"more\" (instance $more))",
        "(with \"more\" (instance $more)) (with \"rest\" (instance $shim-instance))",
        "a module imports the whole shim",
    ),
    (
        "(core instance $shim-instance (instantiate $shim))",
        "(core instance $shim-instance (instantiate $shim))
         (alias core export $shim-instance \"$imports\" (core table))",
        "the shim's table is used before the main module has an instance",
    ),
    (
        "(import \"three\" (func $three (result u32)))",
        "(import \"three\" (func $three (result u32))) (import \"m\" (core module))",
        "the component takes a module from outside",
    ),
];

#[test]
fn linking_the_shim_keeps_the_behaviour() {
    for (old, new, what, traps) in LINKED {
        let component = changed(old, new);
        let linked = link_shim(&component).unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert_eq!((modules(&component), modules(&linked)), (3, 2), "{what}");
        let [before, after] = [component, linked].map(|component| {
            run(&component).map_err(|error| error.downcast::<Trap>().expect(what))
        });
        assert_eq!(before, after, "{what}");
        assert_eq!(before.is_err(), *traps, "{what}");
        assert!(before.is_err() || before == Ok(ANSWER), "{what}");
    }
}

#[test]
fn refuses_components_of_another_shape() {
    for (old, new, expected) in REFUSED {
        let error = link_shim(&changed(old, new)).expect_err(expected);
        assert_eq!(format!("{error:#}"), *expected);
    }
}

#[test]
fn refuses_a_component_without_a_shim() {
    let linked = link_shim(&changed(NOTHING, NOTHING)).expect("the component has a shim");
    for component in [&linked[..], b"\0asm\x0d\0\x01\0"] {
        let error = link_shim(component).expect_err("the component has no shim");
        assert_eq!(
            error.to_string(),
            "the first instance is not that of a shim"
        );
    }
}

#[test]
fn refuses_a_component_that_is_not_valid() {
    for bytes in [&b""[..], b"\0asm", &changed(NOTHING, NOTHING)[..100]] {
        let error = link_shim(bytes).expect_err("the component is not valid");
        assert_eq!(error.to_string(), "the component is not valid");
    }
}

#[test]
fn sorts_function_names_by_their_new_indices() {
    let linked = link_shim(&changed(NOTHING, NOTHING)).expect("the component has a shim");
    let main = module_ranges(&linked)
        .next()
        .expect("there is a main module");
    let mut names = Vec::new();
    for section in sections(&linked[main]) {
        if let Payload::CustomSection(section) = section.expect("the section is valid")
            && let KnownCustom::Name(subsections) = section.as_known()
        {
            for subsection in subsections {
                if let Name::Function(functions) = subsection.expect("the names are valid") {
                    names.extend(functions.into_iter().map(|name| {
                        let name = name.expect("the name is valid");
                        (name.index, name.name)
                    }));
                }
            }
        }
    }
    assert_eq!(names, [(0, "three"), (1, "length"), (2, "sum"), (3, "run")]);
}

#[test]
fn the_default_guest_has_two_modules() {
    let guest = fs::read(workspace::root().join("guest/default/guest.wasm"));
    let guest = guest.expect("the default guest can be read");
    assert_eq!(modules(&guest), 2, "the main module and the fixup module");
}

/// [`COMPONENT`] with a change that keeps it valid.
fn changed(old: &str, new: &str) -> Vec<u8> {
    assert_eq!(COMPONENT.matches(old).count(), 1, "{old}");
    let component = wat::parse_str(COMPONENT.replace(old, new)).expect(new);
    wasmparser::validate(&component).expect(new);
    component
}

/// The number of modules that are not empty.
fn modules(component: &[u8]) -> usize {
    // Every module has a version and an end.
    let payloads = |range| Parser::new(0).parse_all(&component[range]).count();
    module_ranges(component)
        .filter(|range| payloads(range.clone()) > 2)
        .count()
}

fn module_ranges(component: &[u8]) -> impl Iterator<Item = Range<usize>> {
    sections(component).filter_map(|section| match section.expect("the section is valid") {
        Payload::ModuleSection {
            unchecked_range, ..
        } => Some(unchecked_range),
        _ => None,
    })
}

fn run(component: &[u8]) -> wasmtime::Result<u32> {
    let engine = Engine::default();
    let component = Component::from_binary(&engine, component)?;
    let mut linker = Linker::new(&engine);
    let mut root = linker.root();
    root.func_wrap("length", |_, (text,): (String,)| {
        Ok((u32::try_from(text.len())?,))
    })?;
    root.func_wrap("three", |_, ()| Ok((3u32,)))?;
    root.func_wrap("sum", |_, (texts,): (Vec<String>,)| {
        Ok((u32::try_from(texts.concat().len())?,))
    })?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component)?;
    let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run")?;
    Ok(run.call(&mut store, ())?.0)
}
