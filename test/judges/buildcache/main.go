// Upstream's own cache code as a command: it reads a build cache, and writes one.
//
//	buildcache read REFERENCE VERSION
//	buildcache write REFERENCE VERSION SOURCE NYDUS
//
// `read` prints the records as JSON, one line for each: {"source": …, "target": …}. `write` records that the data layers of the image NYDUS were made
// of the layers of the image SOURCE. Registries are on this machine and speak plain HTTP.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/platforms"
	"github.com/goharbor/acceleration-service/pkg/cache"
	"github.com/goharbor/acceleration-service/pkg/config"
	accelcontent "github.com/goharbor/acceleration-service/pkg/content"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const maxRecords = 200

func main() {
	if err := run(namespaces.WithNamespace(context.Background(), "buildcache"), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: buildcache read REFERENCE VERSION [LAYER…] | write REFERENCE VERSION SOURCE NYDUS")
	}
	folder, err := os.MkdirTemp("", "buildcache-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	cfg := &config.Config{}
	cfg.Provider.WorkDir = folder
	cfg.Provider.CacheSize = maxRecords
	cfg.Provider.CacheVersion = args[2]
	cfg.Provider.GCPolicy.Threshold = "1000MB"
	matcher := platforms.All
	provider, _, err := accelcontent.NewLocalProvider(cfg, matcher)
	if err != nil {
		return err
	}
	provider.UsePlainHTTP()
	ctx, remote := provider.NewRemoteCache(ctx, args[1])
	if args[0] == "read" {
		if _, err := remote.Fetch(ctx, matcher); err != nil {
			return err
		}
		return list(ctx, args[3:])
	}
	if len(args) != 5 {
		return fmt.Errorf("write takes a source and a Nydus image")
	}
	return write(ctx, provider, remote, matcher, args[3], args[4])
}

// list prints what the cache has for each of these source layers.
func list(ctx context.Context, layers []string) error {
	for _, layer := range layers {
		_, source := cache.Get(ctx, digest.Digest(layer))
		line := map[string]any{"source": layer}
		if source != nil {
			line["target"] = source.Annotations["containerd.io/snapshot/nydus-target-digest"]
		}
		if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func write(ctx context.Context, provider accelcontent.Provider, remote *cache.RemoteCache, matcher platforms.MatchComparer, source, nydus string) error {
	var manifests [2]ocispec.Manifest
	var roots [2]*ocispec.Descriptor
	for i, ref := range []string{source, nydus} {
		if err := provider.Pull(ctx, ref); err != nil {
			return err
		}
		root, err := provider.Image(ctx, ref)
		if err != nil {
			return err
		}
		bytes, err := content.ReadBlob(ctx, provider.ContentStore(), *root)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(bytes, &manifests[i]); err != nil {
			return err
		}
		roots[i] = root
	}
	for i, layer := range manifests[0].Layers {
		target := manifests[1].Layers[i]
		if target.Annotations == nil {
			target.Annotations = map[string]string{}
		}
		cache.Set(ctx, layer, target)
	}
	return remote.Push(ctx, roots[0], roots[1], matcher)
}
