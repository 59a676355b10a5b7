// Package codegen holds the one struct of pulumi-dotnet that the docker-build provider fills in for its schema. The
// module itself is not served by every Go proxy, and the schema is not asked for when the plugin runs.
package codegen

// CSharpPackageInfo says how the C# SDK of a provider is generated.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool
	PackageReferences    map[string]string
}
