"""Every operation of the gateway: what to send, and what the answer holds. Pure.

The clients take their methods from here: a function `f(...) -> Operation[T]` becomes the method `f(...) -> T` of
`KinologClient` and the method `async f(...) -> T` of `AsyncKinologClient`. A method raises `GatewayUnreachable` if no
answer comes, a `ProblemError` if the gateway refuses, and `UnexpectedAnswer` if the answer has another form.
"""
