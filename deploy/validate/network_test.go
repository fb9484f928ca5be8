package validate

import (
	"slices"
	"testing"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Every selector finds the pods that it is meant for, and none finds others.
func TestSelectorsMatchLabels(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		proxy, _ := o.proxy(t)
		for _, d := range o.deployments {
			own := d.Spec.Template.Labels
			if !selects(t, d.Spec.Selector, own) {
				t.Errorf("%s: %s does not select its own pods", o.name, d.Name)
			}
			if d != proxy && selects(t, proxy.Spec.Selector, own) {
				t.Errorf("%s: the proxy's selector finds %s too", o.name, d.Name)
			}
		}
		pods := proxy.Spec.Template.Labels
		if !selects(t, o.budgets[0].Spec.Selector, pods) {
			t.Errorf("%s: the budget is not about the proxy", o.name)
		}
		if len(o.policies) != 1 || !selects(t, &o.policies[0].Spec.PodSelector, pods) {
			t.Errorf("%s: the network policy is not about the proxy", o.name)
		}
		for _, s := range o.services {
			target := servedBy(t, o, s)
			for _, p := range s.Spec.Ports {
				if _, ok := namedPort(target, p.TargetPort.StrVal); !ok {
					t.Errorf("%s: service %s leads to the port %q, which is none", o.name, s.Name, p.TargetPort.StrVal)
				}
			}
		}
	}
}

// servedBy is the container behind a service.
func servedBy(t *testing.T, o *overlay, s *core.Service) core.Container {
	t.Helper()
	for _, d := range o.deployments {
		if selects(t, &meta.LabelSelector{MatchLabels: s.Spec.Selector}, d.Spec.Template.Labels) {
			return d.Spec.Template.Spec.Containers[0]
		}
	}
	t.Fatalf("%s: nothing is behind service %s", o.name, s.Name)
	return core.Container{}
}

// What the proxy listens on, what the container says, and what may be reached are
// the same ports; what it asks may be asked.
func TestPortsAgree(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		_, pod := o.proxy(t)
		c := o.config(t)
		var container []int
		for _, p := range pod.Containers[0].Ports {
			container = append(container, int(p.ContainerPort))
		}
		slices.Sort(container)
		if listening := c.ports(t); !slices.Equal(listening, container) {
			t.Errorf("%s: the configuration listens on %v, the container has %v", o.name, listening, container)
		}
		var in, out []networking.NetworkPolicyPort
		for _, rule := range o.policies[0].Spec.Ingress {
			in = append(in, rule.Ports...)
			if len(rule.From) == 0 {
				t.Errorf("%s: everybody may reach %v", o.name, rule.Ports)
			}
		}
		for _, rule := range o.policies[0].Spec.Egress {
			out = append(out, rule.Ports...)
		}
		if open := numbers(in); !slices.Equal(open, container) {
			t.Errorf("%s: the network policy lets in %v, the container has %v", o.name, open, container)
		}
		for _, port := range append(c.upstreamPorts(t), 53) {
			if !slices.Contains(numbers(out), port) {
				t.Errorf("%s: the network policy does not let the proxy ask port %d", o.name, port)
			}
		}
		for _, s := range o.services {
			for _, p := range s.Spec.Ports {
				if (p.Name == "web") != (s.Name == "jamf-ldap-proxy-web") {
					t.Errorf("%s: service %s publishes %s", o.name, s.Name, p.Name)
				}
			}
		}
	}
}

func numbers(ports []networking.NetworkPolicyPort) []int {
	var all []int
	for _, p := range ports {
		all = append(all, p.Port.IntValue())
	}
	slices.Sort(all)
	return all
}
