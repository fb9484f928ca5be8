// Package validate holds what stands in deploy/kubernetes and deploy/compose
// against the Go types of those who read it: Kubernetes, its operators and
// Compose. It is a module of its own, so that their modules are not among those
// of the proxy. It has tests only; run `go test ./...` in its folder.
//
// No cluster and no container engine is asked. What only they can tell, such as
// whether an image exists or a policy is enforced, is not tested.
package validate
