// Package java holds the one struct of pulumi-java that the docker-build provider fills in for its schema. The
// module itself is not served by every Go proxy, and the schema is not asked for when the plugin runs.
package java

// PackageInfo says how the Java SDK of a provider is generated.
type PackageInfo struct {
	BuildFiles                      string
	GradleNexusPublishPluginVersion string
	Dependencies                    map[string]string
}
