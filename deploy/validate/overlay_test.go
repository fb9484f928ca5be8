package validate

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// overlay is what kubectl would apply.
type overlay struct {
	name         string
	namespaces   []*core.Namespace
	configMaps   []*core.ConfigMap
	secrets      []*core.Secret
	services     []*core.Service
	deployments  []*apps.Deployment
	budgets      []*policy.PodDisruptionBudget
	policies     []*networking.NetworkPolicy
	scalers      []*autoscaling.HorizontalPodAutoscaler
	certificates []*certmanager.Certificate
	monitors     []*monitoring.ServiceMonitor
	rules        []*monitoring.PrometheusRule
}

const kubernetes = "../kubernetes"

// overlays builds all of them.
func overlays(t *testing.T) []*overlay {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(kubernetes, "overlays", "*"))
	if err != nil || len(folders) < 2 {
		t.Fatalf("overlays: %v %v", folders, err)
	}
	var all []*overlay
	for _, folder := range folders {
		all = append(all, build(t, folder))
	}
	return all
}

// build does what `kubectl kustomize` does, and decodes each object strictly: a
// field that its type does not have is a mistake.
func build(t *testing.T, folder string) *overlay {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	o := &overlay{name: filepath.Base(folder)}
	kinds := map[string]func([]byte) error{
		"v1/Namespace":                            into(&o.namespaces),
		"v1/ConfigMap":                            into(&o.configMaps),
		"v1/Secret":                               into(&o.secrets),
		"v1/Service":                              into(&o.services),
		"apps/v1/Deployment":                      into(&o.deployments),
		"policy/v1/PodDisruptionBudget":           into(&o.budgets),
		"networking.k8s.io/v1/NetworkPolicy":      into(&o.policies),
		"autoscaling/v2/HorizontalPodAutoscaler":  into(&o.scalers),
		"cert-manager.io/v1/Certificate":          into(&o.certificates),
		"monitoring.coreos.com/v1/ServiceMonitor": into(&o.monitors),
		"monitoring.coreos.com/v1/PrometheusRule": into(&o.rules),
	}
	for _, object := range objects.Resources() {
		kind := object.GetApiVersion() + "/" + object.GetKind()
		decode := kinds[kind]
		if decode == nil {
			t.Fatalf("%s: no type is known for %s; there are %v", o.name, kind, slices.Sorted(maps.Keys(kinds)))
		}
		text, err := object.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(text); err != nil {
			t.Errorf("%s: %s %s: %v", o.name, kind, object.GetName(), err)
		}
	}
	return o
}

func into[T any](list *[]*T) func([]byte) error {
	return func(text []byte) error {
		object := new(T)
		*list = append(*list, object)
		return yaml.UnmarshalStrict(text, object)
	}
}

// proxy is the Deployment of the proxy, and its pod.
func (o *overlay) proxy(t *testing.T) (*apps.Deployment, *core.PodSpec) {
	t.Helper()
	for _, d := range o.deployments {
		if d.Name == "jamf-ldap-proxy" {
			return d, &d.Spec.Template.Spec
		}
	}
	t.Fatalf("%s has no Deployment jamf-ldap-proxy", o.name)
	return nil, nil
}

// config is the configuration that the proxy is started with.
func (o *overlay) config(t *testing.T) proxyConfig {
	t.Helper()
	if len(o.configMaps) != 1 {
		t.Fatalf("%s: %d ConfigMaps", o.name, len(o.configMaps))
	}
	return parseProxyConfig(t, o.configMaps[0].Data["config.yaml"])
}

// replicas are those that there are at least.
func (o *overlay) replicas(t *testing.T) int {
	t.Helper()
	d, _ := o.proxy(t)
	if d.Spec.Replicas != nil {
		return int(*d.Spec.Replicas)
	}
	if len(o.scalers) != 1 || o.scalers[0].Spec.MinReplicas == nil {
		t.Fatalf("%s: neither the Deployment nor an autoscaler says how many", o.name)
	}
	return int(*o.scalers[0].Spec.MinReplicas)
}
