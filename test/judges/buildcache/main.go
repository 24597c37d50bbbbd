// Upstream's own cache code as a command: it reads a build cache, and writes one.
//
//	buildcache read REFERENCE VERSION [LAYER…]
//	buildcache watch REFERENCE VERSION
//	buildcache write REFERENCE VERSION SOURCE NYDUS
//
// `read` prints the records as JSON, one line for each: {"source": …, "target": …}. `watch` reads the cache every 100 milliseconds until its input
// ends, and prints a line of JSON for each read: {"error": …}, which is empty for a cache that could be read. `write` records that the data layers of the image NYDUS were made
// of the layers of the image SOURCE. Registries are on this machine and speak plain HTTP.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

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
		return fmt.Errorf("usage: buildcache read REFERENCE VERSION [LAYER…] | watch REFERENCE VERSION | write REFERENCE VERSION SOURCE NYDUS")
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
	if args[0] == "watch" {
		return watch(ctx, provider, matcher, args[1])
	}
	if len(args) != 5 {
		return fmt.Errorf("write takes a source and a Nydus image")
	}
	return write(ctx, provider, remote, matcher, args[3], args[4])
}

// watch reads the cache again and again, each time as a run of its own does.
func watch(ctx context.Context, provider accelcontent.Provider, matcher platforms.MatchComparer, ref string) error {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for {
		line := map[string]string{"error": ""}
		own, remote := provider.NewRemoteCache(ctx, ref)
		if _, err := remote.Fetch(own, matcher); err != nil {
			line["error"] = err.Error()
		}
		if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
			return err
		}
		select {
		case <-ended:
			return nil
		case <-ticks.C:
		}
	}
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
