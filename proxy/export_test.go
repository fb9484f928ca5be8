package proxy

// For the fuzzer, which needs no server around it.
var ReadProxyHeader = readProxyHeader
