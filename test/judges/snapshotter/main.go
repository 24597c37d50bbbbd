// Asks nydus-snapshotter's own code, the code that runs on nodes, whether it finds the Nydus half of a merged image.
//
//	snapshotter REF DIGEST
//
// REF names the index, DIGEST is that of the OCI manifest that containerd chose in it. Prints a JSON verdict:
// {"found": true, "layer": {descriptor of the bootstrap layer}} or {"found": false, "reason": "..."}.
// Exit status: 0 found, 1 not found, 2 wrong usage.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/containerd/nydus-snapshotter/pkg/index"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type verdict struct {
	Found  bool                `json:"found"`
	Layer  *ocispec.Descriptor `json:"layer,omitempty"`
	Reason string              `json:"reason,omitempty"`
}

func detect(ref, manifest string) verdict {
	parsed, err := digest.Parse(manifest)
	if err != nil {
		return verdict{Reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// "true": do not verify certificates, as for a registry on the loopback interface.
	layer, err := index.NewManager(true).CheckIndexAlternative(ctx, ref, parsed)
	if err != nil {
		return verdict{Reason: err.Error()}
	}
	return verdict{Found: layer != nil, Layer: layer}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: snapshotter REF DIGEST")
		os.Exit(2)
	}
	found := detect(os.Args[1], os.Args[2])
	text, err := json.Marshal(found)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(string(text))
	if !found.Found {
		os.Exit(1)
	}
}
