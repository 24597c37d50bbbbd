package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// registry is a content provider for containerd's own code; it remembers the last manifest that was read, which is the one chosen.
type registry struct {
	repository string
	chosen     digest.Digest
}

func (r *registry) get(ctx context.Context, path, accept string) ([]byte, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.repository+path, nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	body, err := io.ReadAll(response.Body)
	return body, response.Header, err
}

type readerAt struct{ *bytes.Reader }

func (readerAt) Close() error { return nil }

func (r *registry) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	path := "/blobs/"
	if images.IsManifestType(desc.MediaType) || images.IsIndexType(desc.MediaType) {
		path = "/manifests/"
	}
	body, _, err := r.get(ctx, path+desc.Digest.String(), desc.MediaType)
	if err != nil {
		return nil, err
	}
	if images.IsManifestType(desc.MediaType) {
		r.chosen = desc.Digest
	}
	return readerAt{bytes.NewReader(body)}, nil
}

// containerdChoice is the digest of the manifest that images.Manifest takes, as a pull does it.
func containerdChoice(ctx context.Context, ref, platform string) (string, error) {
	wanted, err := platforms.Parse(platform)
	if err != nil {
		return "", err
	}
	host, rest, _ := strings.Cut(ref, "/")
	repository, tag, _ := strings.Cut(rest, ":")
	r := &registry{repository: "http://" + host + "/v2/" + repository}
	body, header, err := r.get(ctx, "/manifests/"+tag, ocispec.MediaTypeImageIndex+", "+ocispec.MediaTypeImageManifest+
		", "+images.MediaTypeDockerSchema2ManifestList+", "+images.MediaTypeDockerSchema2Manifest)
	if err != nil {
		return "", err
	}
	root := ocispec.Descriptor{
		MediaType: header.Get("Content-Type"),
		Digest:    digest.FromBytes(body),
		Size:      int64(len(body)),
	}
	if _, err := images.Manifest(ctx, r, root, platforms.Only(wanted)); err != nil {
		return "", err
	}
	return r.chosen.String(), nil
}

// craneChoice is the digest of the manifest that go-containerregistry takes, as `crane pull --platform` does it.
func craneChoice(ctx context.Context, ref, platform string) (string, error) {
	parsed, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		return "", err
	}
	wanted, err := v1.ParsePlatform(platform)
	if err != nil {
		return "", err
	}
	image, err := remote.Image(parsed, remote.WithContext(ctx), remote.WithPlatform(*wanted))
	if err != nil {
		return "", err
	}
	chosen, err := image.Digest()
	return chosen.String(), err
}
