//! What the macro refuses, and in what words.

#[test]
fn what_is_no_procedure_of_a_script_is_refused_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
