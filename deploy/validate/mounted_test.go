package validate

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// madeByHand are the Secrets that docs/kubernetes.md has the administrator make, in the
// form that the proxy needs.
var madeByHand = map[string]map[string]string{
	"jamf-ldap-proxy": {
		"jamf.ldap.password": "hunter2\n",
		"token":              "0123456789abcdef\n",
		"users":              "admin:$2a$10$79iHjp6tAtxhCVRxNt06FOTn/4JXcPyPpFpx.llOochfUdMMWymvq\n",
	},
}

// The proxy would start with the files that its pod has: they are laid out as the
// kubelet does, and checked by the proxy itself.
func TestMountedConfigurationIsFine(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		t.Run(o.name, func(t *testing.T) {
			_, pod := o.proxy(t)
			root := t.TempDir()
			c := pod.Containers[0]
			var folders []string
			for _, m := range c.VolumeMounts {
				folders = append(folders, m.MountPath)
				if err := os.MkdirAll(below(root, m.MountPath), 0o700); err != nil {
					t.Fatal(err)
				}
				for name, text := range o.volume(t, pod, m.Name) {
					write(t, below(root, path.Join(m.MountPath, name)), text)
				}
			}
			for _, first := range pod.InitContainers {
				args := slices.Clone(first.Args)
				for i, arg := range args {
					if slices.Contains(folders, arg) {
						args[i] = below(root, arg)
					}
				}
				proxy(t, args...)
			}
			file := c.Args[len(c.Args)-1]
			if !slices.Equal(c.Args[:len(c.Args)-1], []string{"serve", "--config"}) {
				t.Fatalf("arguments %q", c.Args)
			}
			checkConfig(t, root, file, folders...)
			if config := o.config(t); config.Journal.Path != "" {
				t.Error("a journal needs a volume that outlives the pod")
			}
		})
	}
}

// volume is the content of one.
func (o *overlay) volume(t *testing.T, pod *core.PodSpec, name string) map[string]string {
	t.Helper()
	i := slices.IndexFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == name })
	v := pod.Volumes[i].VolumeSource
	files := map[string]string{}
	switch {
	case v.EmptyDir != nil && v.Secret == nil:
	case v.Secret != nil && v.Secret.SecretName == "jamf-ldap-proxy-tls":
		dir := t.TempDir()
		proxy(t, "cert", "create", "--host", "ldap.example.com", "--dir", dir)
		files["tls.crt"], files["tls.key"] = read(t, filepath.Join(dir, "proxy.pem")), read(t, filepath.Join(dir, "proxy.key"))
	case v.Projected != nil:
		for _, source := range v.Projected.Sources {
			o.project(t, source, files)
		}
	default:
		t.Fatalf("%s: volume %s is of a kind that this test does not know", o.name, name)
	}
	return files
}

func (o *overlay) project(t *testing.T, source core.VolumeProjection, files map[string]string) {
	t.Helper()
	var data map[string]string
	var items []core.KeyToPath
	if source.ConfigMap != nil {
		items = source.ConfigMap.Items
		for _, c := range o.configMaps {
			if c.Name == source.ConfigMap.Name {
				data = c.Data
			}
		}
	}
	if source.Secret != nil {
		items, data = source.Secret.Items, madeByHand[source.Secret.Name]
		for _, s := range o.secrets {
			if s.Name == source.Secret.Name {
				data = map[string]string{}
				for key, value := range s.Data {
					data[key] = string(value)
				}
			}
		}
	}
	for _, item := range items {
		text, ok := data[item.Key]
		if !ok {
			t.Errorf("%s: there is no %s for the volume", o.name, item.Key)
		}
		files[item.Path] = text
	}
}

// A change of the configuration rolls the pods, because the name of the ConfigMap
// changes with it; what the demo calls a secret is none.
func TestGeneratedNames(t *testing.T) {
	t.Parallel()
	for _, o := range overlays(t) {
		if name := o.configMaps[0].Name; !strings.HasPrefix(name, "jamf-ldap-proxy-") {
			t.Errorf("%s: the ConfigMap is %s, without a hash", o.name, name)
		}
		if o.name != "demo" && len(o.secrets) > 0 {
			t.Errorf("%s has a secret in the repository", o.name)
		}
	}
}
