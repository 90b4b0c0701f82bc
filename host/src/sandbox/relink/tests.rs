use wasmparser::{Parser, Payload};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, Trap};

use super::relink;
use crate::sandbox::engine::{Home, Tasks, config};

/// What wit-component makes of a module that imports two functions with strings, one without, and gives one of them to
/// its own table.
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

    (core instance $by-shim (instantiate $shim))
    (alias core export $by-shim "0" (core func $shimmed-length))
    (alias core export $by-shim "1" (core func $shimmed-sum))
    (core func $lowered-three (canon lower (func $three)))
    (core instance $host
        (export "length" (func $shimmed-length))
        (export "three" (func $lowered-three)))
    (core instance $more (export "sum" (func $shimmed-sum)))
    (core instance $program (instantiate $main
        (with "host" (instance $host))
        (with "more" (instance $more))))
    (alias core export $program "memory" (core memory $memory))
    (alias core export $by-shim "$imports" (core table $slots))
    (core func $lowered-length (canon lower (func $length) (memory $memory)))
    (core func $lowered-sum (canon lower (func $sum) (memory $memory)))
    (core instance $all
        (export "$imports" (table $slots))
        (export "0" (func $lowered-length))
        (export "1" (func $lowered-sum)))
    (core instance $filled (instantiate $fixup (with "" (instance $all))))
    (alias core export $program "run" (core func $run))
    (func (export "run") (result u32) (canon lift (core func $run)))
)"#;

/// Four bytes, ten times three, a hundred times four and three bytes, and a thousand for its first call.
const ANSWER: u32 = 4 + 30 + 700 + 1000;

/// A change to the component, with which it has to do what it did before, or trap as it did.
const LIKE_IT: &[(&str, &str, &str, bool)] = &[
    (
        "(core module $main",
        "(core module $main",
        "nothing",
        !TRAPS,
    ),
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
        "the main module calls what is beyond its table, where the shim's must not be",
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
        "a function of the shim calls what is beyond its table",
        TRAPS,
    ),
    (
        "(elem (i32.const 0) func 0 1)\n",
        "(elem (i32.const 1) func 1)\n",
        "the fixup fills only a part of the table",
        TRAPS,
    ),
    (
        "(elem (i32.const 0) func 0 1)\n",
        "(elem (i32.const 0) func 0 1) (func (export \"f\"))\n",
        "the fixup has functions",
        !TRAPS,
    ),
    (
        "(alias core export $program \"run\" (core func $run))",
        "(alias core export $program \"run\" (core func $run))
         (core instance (export \"slots\" (table $slots)))",
        "the shim's table goes elsewhere, too",
        !TRAPS,
    ),
];

const TRAPS: bool = true;

/// A change to the component, and why it has to be left as it is then.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "(export \"three\" (func $three))",
        "(export \"$imports\" (func $three))",
        "the name is taken",
    ),
    (
        "(func (export \"0\") (type 0) local.get 0 local.get 1",
        "(func (export \"0\") (type 0) local.get 1 local.get 0",
        "a function of the shim does something else",
    ),
    (
        "(table (export \"$imports\") 2 2 funcref)",
        "(table (export \"$imports\") 2 2 funcref) (memory 1)",
        "the shim has a memory of its own",
    ),
    (
        "(table (export \"$imports\") 2 2 funcref)",
        "(table (export \"$imports\") 2 2 funcref) (table 1 1 funcref)",
        "the shim has two tables",
    ),
    (
        "(alias core export $program \"run\" (core func $run))",
        "(alias core export $program \"run\" (core func $run))
         (func (export \"direct\") (param \"a\" u32) (param \"b\" u32) (result u32)
            (canon lift (core func $shimmed-sum)))",
        "a function of the shim goes elsewhere, too",
    ),
    (
        "(core instance $filled",
        "(core module $other (import \"\" \"sum\" (func (param i32 i32) (result i32))))
         (core instance (instantiate $other (with \"\" (instance $more))))
         (core instance $filled",
        "two modules take functions of the shim",
    ),
    (
        "(core instance $by-shim (instantiate $shim))",
        "(core instance $by-shim (instantiate $shim)) (core instance (instantiate $shim))",
        "there are two shims",
    ),
    (
        "(with \"more\" (instance $more))",
        "(with \"more\" (instance $more)) (with \"rest\" (instance $by-shim))",
        "the main module is given the shim itself",
    ),
    (
        "(core instance $by-shim (instantiate $shim))",
        "(core instance $by-shim (instantiate $shim))
         (alias core export $by-shim \"$imports\" (core table))",
        "the table is taken before the main module is there",
    ),
    (
        "(import \"three\" (func $three (result u32)))",
        "(import \"three\" (func $three (result u32))) (import \"m\" (core module))",
        "there is a module from outside",
    ),
];

#[test]
fn a_component_does_the_same_without_its_shim() {
    for (was, is, what, traps) in LIKE_IT {
        let component = changed(was, is);
        let relinked = relink(&component).unwrap_or_else(|| panic!("{what}"));
        assert_eq!((modules(&component), modules(&relinked)), (3, 2), "{what}");
        let [before, after] = [component, relinked].map(|component| {
            run(&component).map_err(|error| error.downcast::<Trap>().expect(what))
        });
        assert_eq!(before, after, "{what}");
        assert_eq!(before.is_err(), *traps, "{what}");
        assert!(before.is_err() || before == Ok(ANSWER), "{what}");
    }
}

#[test]
fn a_component_of_another_shape_is_left_as_it_is() {
    for (was, is, why) in OTHERS {
        assert_eq!(relink(&changed(was, is)), None, "{why}");
    }
    for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0"] {
        assert_eq!(relink(bytes), None);
    }
}

/// The component with a change, valid as it was.
fn changed(was: &str, is: &str) -> Vec<u8> {
    assert_eq!(COMPONENT.matches(was).count(), 1, "{was}");
    let component = wat::parse_str(COMPONENT.replace(was, is)).expect(is);
    wasmparser::validate(&component).expect(is);
    component
}

#[test]
fn of_a_damaged_component_nothing_else_is_made() {
    let component = wat::parse_str(COMPONENT).unwrap();
    for end in 0..component.len() {
        let relinked = relink(&component[..end]).and_then(|bytes| run(&bytes).ok());
        assert!(relinked.is_none_or(|answer| answer == ANSWER), "{end}");
    }
    let mut alike = 0;
    for place in 0..component.len() {
        let mut damaged = component.clone();
        damaged[place] ^= 1;
        let Some(relinked) = relink(&damaged) else {
            continue;
        };
        match (run(&damaged), run(&relinked)) {
            (Ok(before), Ok(after)) => {
                assert_eq!(before, after, "{place}");
                alike += 1;
            }
            (before, after) => assert_eq!(before.is_err(), after.is_err(), "{place}"),
        }
    }
    assert!(alike > 0);
}

#[test]
fn the_default_guest_is_of_two_modules() {
    let guest = crate::deploy::FILES;
    let relinked = relink(guest).unwrap();
    assert_eq!((modules(guest), modules(&relinked)), (3, 2));
    // Else it would be compiled as it was, and nobody would see it.
    let pool = Engine::new(&config(Home::Pool(1), Tasks::One, None)).unwrap();
    Component::from_binary(&pool, &relinked).expect("the pool has room for its tables");
}

/// How many modules with anything in them a component has.
fn modules(component: &[u8]) -> usize {
    let sections = super::sections(component).map(Result::unwrap);
    let ranges = sections.filter_map(|section| match section {
        Payload::ModuleSection {
            unchecked_range, ..
        } => Some(unchecked_range),
        _ => None,
    });
    let module = |range| Parser::new(0).parse_all(&component[range]).count();
    // Its version and its end.
    ranges.filter(|range| module(range.clone()) > 2).count()
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
