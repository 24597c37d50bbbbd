//! Reads and judges a bootstrap. If a reader would refuse it, that is the only finding; otherwise no finding lies outside of it.

use nydus_judge::{Finding, judge, refusal};
use nydus_layout::v5::SUPER_MAGIC;

fn execute(bytes: &[u8]) {
    let findings = judge(bytes);
    if let Some(refused) = refusal(bytes) {
        assert_eq!(findings, [refused]);
        return;
    }
    let outside = |finding: &Finding| finding.offset.is_some_and(|at| at > bytes.len() as u64);
    assert!(!findings.iter().any(outside), "a finding at an offset outside of the bootstrap");
}

/// The bytes are a v5 bootstrap, whatever the input begins with.
pub fn execute_v5(input: &[u8]) {
    let mut bytes = input.to_vec();
    if let Some(magic) = bytes.first_chunk_mut() {
        *magic = SUPER_MAGIC.to_le_bytes();
    }
    execute(&bytes);
}

/// The bytes are a v6 bootstrap, unless they have the magic of v5.
pub fn execute_v6(input: &[u8]) {
    execute(input);
}
