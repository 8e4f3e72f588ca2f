//! The fuzz target of the same name; see `targets.rs`. Bytes that change at random hardly ever leave JSON behind, so half
//! of the changes are made to its values and lines.
#![no_main]

#[allow(dead_code, reason = "each target calls one of them")]
mod targets;

use serde_json::{Value, json};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::journal(bytes));

libfuzzer_sys::fuzz_mutator!(|bytes: &mut [u8], size: usize, most: usize, seed: u32| {
    let mut dice = Dice(u64::from(seed) << 1 | 1);
    if dice.below(2) == 0 {
        return libfuzzer_sys::fuzzer_mutate(bytes, size, most);
    }
    let mut lines: Vec<Vec<u8>> = bytes[..size].split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=dice.below(3) {
        change(&mut lines, &mut dice);
    }
    let changed = lines.join(&b'\n');
    let length = changed.len().min(most);
    bytes[..length].copy_from_slice(&changed[..length]);
    length
});

/// Xorshift: the same seed, the same changes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most.max(1)
    }
}

fn change(lines: &mut Vec<Vec<u8>>, dice: &mut Dice) {
    let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(6) {
        0 => lines.swap(at, other),
        1 => lines.insert(at, lines[other].clone()),
        2 if lines.len() > 1 => drop(lines.remove(at)),
        _ => {
            if let Ok(mut value) = serde_json::from_slice::<Value>(&lines[at]) {
                alter(&mut value, dice);
                lines[at] = value.to_string().into_bytes();
            }
        }
    }
}

/// Goes down to some value and makes another of it.
fn alter(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::Object(fields) if !fields.is_empty() && dice.below(12) > 0 => {
            let n = dice.below(fields.len());
            if let Some(field) = fields.values_mut().nth(n) {
                alter(field, dice);
            }
        }
        Value::Array(all) if !all.is_empty() && dice.below(12) > 0 => {
            let (n, other) = (dice.below(all.len()), dice.below(all.len()));
            match dice.below(6) {
                0 => all.swap(n, other),
                1 => drop(all.remove(n)),
                2 => all.insert(n, all[other].clone()),
                _ => alter(&mut all[n], dice),
            }
        }
        Value::Number(_) => {
            *value = [json!(0), json!(1), json!(2), json!(u32::MAX), json!(u64::MAX), json!(i64::MAX), json!(-1)]
                [dice.below(7)]
            .clone();
        }
        Value::Bool(flag) => *flag = !*flag,
        _ => {
            *value =
                [Value::Null, json!([]), json!({}), json!(""), json!("primary"), json!("yes")][dice.below(6)].clone()
        }
    }
}
