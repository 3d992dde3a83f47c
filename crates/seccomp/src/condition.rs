//! Conditions on arguments, which are 64 bits wide while BPF compares 32.

use gantry_oci::SeccompArg;

use crate::Error;
use crate::bpf::{AND, Code, JUMP_IF_EQUAL, JUMP_IF_GREATER, JUMP_IF_GREATER_OR_EQUAL, LOAD};

/// A comparison of one argument with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    index: u32,
    operator: Operator,
    value: u64,
    /// Of [`Operator::Masked`].
    mask: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Masked,
}

/// Where a test goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// The next instruction.
    Next,
    /// The condition holds.
    Holds,
    /// The condition does not hold.
    Fails,
}

/// One instruction of a condition; only jumps use the targets.
pub(crate) type Step = (Code, u32, To, To);

impl Condition {
    pub(crate) fn parse(syscall: &str, arg: &SeccompArg) -> Result<Self, Error> {
        use Operator as O;
        let operator = match arg.op.as_str() {
            "SCMP_CMP_EQ" => O::Equal,
            "SCMP_CMP_NE" => O::NotEqual,
            "SCMP_CMP_LT" => O::Less,
            "SCMP_CMP_LE" => O::LessOrEqual,
            "SCMP_CMP_GT" => O::Greater,
            "SCMP_CMP_GE" => O::GreaterOrEqual,
            "SCMP_CMP_MASKED_EQ" => O::Masked,
            _ => return Err(Error::Operator(arg.op.clone())),
        };
        if arg.index > 5 {
            let syscall = syscall.to_owned();
            return Err(Error::ArgumentIndex {
                syscall,
                index: arg.index,
            });
        }
        // For the masked comparison `value` is the mask and `valueTwo` what must come out.
        let (value, mask) = match operator {
            O::Masked => (arg.value_two & arg.value, arg.value),
            _ => (arg.value, u64::MAX),
        };
        Ok(Self {
            index: arg.index,
            operator,
            value,
            mask,
        })
    }

    pub(crate) fn equals(index: u32, value: u64) -> Self {
        Self {
            index,
            operator: Operator::Equal,
            value,
            mask: u64::MAX,
        }
    }

    /// The instructions: first the upper half decides if it can, then the lower.
    pub(crate) fn steps(&self) -> Vec<Step> {
        use To::{Fails, Holds, Next};
        let [high, low] = halves(self.value);
        let (load_high, load_low) = (self.load(1), self.load(0));
        let equal = |k, then, or| (JUMP_IF_EQUAL, k, then, or);
        let greater = |k, then, or| (JUMP_IF_GREATER, k, then, or);
        let at_least = |k, then, or| (JUMP_IF_GREATER_OR_EQUAL, k, then, or);
        match self.operator {
            Operator::Equal => vec![
                load_high,
                equal(high, Next, Fails),
                load_low,
                equal(low, Holds, Fails),
            ],
            Operator::NotEqual => vec![
                load_high,
                equal(high, Next, Holds),
                load_low,
                equal(low, Fails, Holds),
            ],
            Operator::Greater | Operator::GreaterOrEqual => vec![
                load_high,
                greater(high, Holds, Next),
                equal(high, Next, Fails),
                load_low,
                if self.operator == Operator::Greater {
                    greater(low, Holds, Fails)
                } else {
                    at_least(low, Holds, Fails)
                },
            ],
            Operator::Less | Operator::LessOrEqual => vec![
                load_high,
                greater(high, Fails, Next),
                equal(high, Next, Holds),
                load_low,
                if self.operator == Operator::Less {
                    at_least(low, Fails, Holds)
                } else {
                    greater(low, Fails, Holds)
                },
            ],
            Operator::Masked => {
                let [mask_high, mask_low] = halves(self.mask);
                vec![
                    load_high,
                    (AND, mask_high, Next, Next),
                    equal(high, Next, Fails),
                    load_low,
                    (AND, mask_low, Next, Next),
                    equal(low, Holds, Fails),
                ]
            }
        }
    }

    /// Loads a half of the argument from `struct seccomp_data` of a little-endian machine:
    /// number, architecture, instruction pointer, then six arguments of eight bytes.
    fn load(&self, half: u32) -> Step {
        const { assert!(cfg!(target_endian = "little")) };
        (LOAD, 16 + 8 * self.index + 4 * half, To::Next, To::Next)
    }
}

fn halves(value: u64) -> [u32; 2] {
    [(value >> 32) as u32, value as u32]
}
