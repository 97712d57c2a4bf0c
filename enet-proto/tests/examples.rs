//! The examples, as a user runs them.

use fixtures::example::{self, Example};

#[test]
fn a_blocking_socket_of_the_standard_library_will_do() {
    example::build();
    let mut server = Example::start("std_loop", &["serve", "127.0.0.1:0"]);
    let address = server.address();
    for _ in 0..2 {
        let mut client = Example::start("std_loop", &["ask", &address]);
        client.address();
        assert_eq!(client.line(), "hello");
        assert_eq!(client.line(), "disconnected");
        assert!(client.wait().success());
        assert_eq!(server.line(), "somebody came");
        assert_eq!(server.line(), "somebody left: the other side disconnected (data 0)");
    }
}

#[test]
fn the_examples_are_short() {
    example::assert_short();
}
