package validate

import (
	"slices"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	security "k8s.io/pod-security-admission/policy"
)

// A container has an image with a version, knows what it needs, and is probed at a
// port that it has.
func TestContainersAreComplete(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		for _, d := range o.deployments {
			pod := d.Spec.Template.Spec
			for _, c := range append(slices.Clone(pod.InitContainers), pod.Containers...) {
				where := o.name + ": " + d.Name + "/" + c.Name
				if _, tag, ok := strings.Cut(c.Image, ":"); !ok || tag == "latest" {
					t.Errorf("%s: image %s has no version", where, c.Image)
				}
				limit := c.Resources.Limits.Memory()
				if limit.IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
					t.Errorf("%s: resources %+v", where, c.Resources)
				}
				for _, e := range c.Env {
					if e.Name == "GOMEMLIMIT" && value(t, strings.TrimSuffix(e.Value, "B")) >= limit.Value() {
						t.Errorf("%s: GOMEMLIMIT %s is not below the limit %s", where, e.Value, limit)
					}
				}
				for _, p := range []*core.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
					if p == nil {
						continue
					}
					port := intstr.IntOrString{}
					if p.HTTPGet != nil {
						port = p.HTTPGet.Port
					} else if p.TCPSocket != nil {
						port = p.TCPSocket.Port
					}
					if _, ok := namedPort(c, port.StrVal); !ok {
						t.Errorf("%s: there is no port %q to probe", where, port.StrVal)
					}
				}
				for _, m := range c.VolumeMounts {
					if !slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) {
						t.Errorf("%s: there is no volume %s", where, m.Name)
					}
				}
			}
		}
	}
}

func value(t *testing.T, quantity string) int64 {
	t.Helper()
	q, err := resource.ParseQuantity(quantity)
	if err != nil {
		t.Fatal(err)
	}
	return q.Value()
}

func namedPort(c core.Container, name string) (int, bool) {
	for _, p := range c.Ports {
		if p.Name == name {
			return int(p.ContainerPort), true
		}
	}
	return 0, false
}

// The proxy is probed at the pages that ask nobody for a token.
func TestProxyIsProbedWithoutToken(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		_, pod := o.proxy(t)
		c := pod.Containers[0]
		if c.StartupProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz" {
			t.Errorf("%s: probes %v %v %v", o.name, c.StartupProbe, c.ReadinessProbe, c.LivenessProbe)
		}
	}
}

// Kubernetes' own rules for the level that the namespace enforces.
func TestPodsAreAdmittedAsRestricted(t *testing.T) {
	t.Parallel()
	rules, err := security.NewEvaluator(security.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, o := range overlays(t) {
		if len(o.namespaces) != 1 || o.namespaces[0].Labels[api.EnforceLevelLabel] != string(api.LevelRestricted) {
			t.Errorf("%s: the namespace does not enforce %s", o.name, api.LevelRestricted)
		}
		for _, d := range o.deployments {
			pod := d.Spec.Template
			for _, answer := range rules.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
				if !answer.Allowed {
					t.Errorf("%s: %s: %s: %s", o.name, d.Name, answer.ForbiddenReason, answer.ForbiddenDetail)
				}
			}
			if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken {
				t.Errorf("%s: %s has a token of Kubernetes that it does not need", o.name, d.Name)
			}
			for _, c := range pod.Spec.Containers {
				if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
					t.Errorf("%s: %s/%s may write to its root", o.name, d.Name, c.Name)
				}
			}
		}
	}
}

// The kubelet waits longer than the proxy takes, and the proxy goes on accepting
// until the Service has forgotten it: the readiness probe notices within that time.
func TestPodsMayDrain(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		_, pod := o.proxy(t)
		c := o.config(t)
		if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace <= c.end(t) {
			t.Errorf("%s: terminationGracePeriodSeconds is %v, limits.drain and limits.drain_delay together %v", o.name, grace, c.end(t))
		}
		probe := pod.Containers[0].ReadinessProbe
		if notice := time.Duration(probe.PeriodSeconds*probe.FailureThreshold) * time.Second; duration(t, c.Limits.DrainDelay) <= notice {
			t.Errorf("%s: limits.drain_delay is %s, the probe needs %v", o.name, c.Limits.DrainDelay, notice)
		}
	}
}

// One pod may go at any time, and one stays.
func TestOnePodMayGo(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		d, pod := o.proxy(t)
		replicas := o.replicas(t)
		if len(o.budgets) != 1 {
			t.Fatalf("%s: %d budgets", o.name, len(o.budgets))
		}
		gone := replicas
		switch b := o.budgets[0].Spec; {
		case b.MaxUnavailable != nil:
			gone = b.MaxUnavailable.IntValue()
		case b.MinAvailable != nil:
			gone = replicas - b.MinAvailable.IntValue()
		}
		if gone < 1 || gone >= replicas {
			t.Errorf("%s: of %d pods %d may go", o.name, replicas, gone)
		}
		if d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
			t.Errorf("%s: an update begins with fewer pods", o.name)
		}
		for _, s := range pod.TopologySpreadConstraints {
			if !slices.Equal(s.MatchLabelKeys, []string{"pod-template-hash"}) || !selects(t, s.LabelSelector, d.Spec.Template.Labels) {
				t.Errorf("%s: %s does not spread these pods", o.name, s.TopologyKey)
			}
		}
		if len(pod.TopologySpreadConstraints) == 0 || pod.TopologySpreadConstraints[0].WhenUnsatisfiable != core.DoNotSchedule {
			t.Errorf("%s: both pods may be on one machine", o.name)
		}
		for _, s := range o.scalers {
			if s.Spec.ScaleTargetRef.Name != d.Name || s.Spec.ScaleTargetRef.Kind != "Deployment" || s.Spec.MaxReplicas <= *s.Spec.MinReplicas {
				t.Errorf("%s: autoscaler %+v", o.name, s.Spec)
			}
		}
	}
}

// selects reports whether a selector that is not empty matches.
func selects(t *testing.T, selector *meta.LabelSelector, of map[string]string) bool {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(labels.Set(of))
}
