// Asks the code that runs on nodes and in clients what it makes of an image: nydus-snapshotter's index and referrer detection,
// containerd's choice out of an index, and that of go-containerregistry.
//
//	snapshotter REF DIGEST   index detection for one manifest: REF names the index, DIGEST what containerd chose in it
//	snapshotter              the same for many: a JSON question a line on standard input, a JSON verdict a line on standard output
//
// Exit status of the first form: 0 found, 1 not found, 2 wrong usage. Registries are spoken to in plain HTTP, on loopback.
// Built twice: with go.mod, the versions that nydus-snapshotter is released with, and with next.mod, which has the platform
// matcher of containerd 2.3 and later.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/containerd/nydus-snapshotter/pkg/index"
	"github.com/containerd/nydus-snapshotter/pkg/referrer"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type question struct {
	// index, referrer, containerd or crane.
	Judge string `json:"judge"`
	Ref   string `json:"ref"`
	// For the first two: what containerd chose.
	Digest string `json:"digest"`
	// For the last two: os/arch[/variant].
	Platform string `json:"platform"`
}

type verdict struct {
	Found bool `json:"found"`
	// The bootstrap layer that detection found.
	Layer *ocispec.Descriptor `json:"layer,omitempty"`
	// The manifest that a client takes.
	Digest string `json:"digest,omitempty"`
	Reason string `json:"reason,omitempty"`
	// The process would have ended.
	Panicked bool `json:"panicked,omitempty"`
}

func ask(q question) (answer verdict) {
	defer func() {
		if cause := recover(); cause != nil {
			answer = verdict{Panicked: true, Reason: fmt.Sprint(cause)}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	switch q.Judge {
	case "index":
		// "true": do not verify certificates, as for a registry on the loopback interface. A new manager forgets what others found.
		return detection(index.NewManager(true).CheckIndexAlternative(ctx, q.Ref, digest.Digest(q.Digest)))
	case "referrer":
		return detection(referrer.NewManager(true).CheckReferrer(ctx, q.Ref, digest.Digest(q.Digest)))
	case "containerd":
		return choice(containerdChoice(ctx, q.Ref, q.Platform))
	case "crane":
		return choice(craneChoice(ctx, q.Ref, q.Platform))
	}
	return verdict{Reason: "unknown judge " + q.Judge}
}

func detection(layer *ocispec.Descriptor, err error) verdict {
	if err != nil {
		return verdict{Reason: err.Error()}
	}
	return verdict{Found: layer != nil, Layer: layer}
}

func choice(chosen string, err error) verdict {
	if err != nil {
		return verdict{Reason: err.Error()}
	}
	return verdict{Found: true, Digest: chosen}
}

func printLine(answer verdict) {
	text, err := json.Marshal(answer)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(string(text))
}

func answerAll() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		printLine(ask(q))
	}
	return lines.Err()
}

func main() {
	switch len(os.Args) {
	case 1:
		if err := answerAll(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	case 3:
		answer := ask(question{Judge: "index", Ref: os.Args[1], Digest: os.Args[2]})
		printLine(answer)
		if !answer.Found {
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: snapshotter [REF DIGEST]")
		os.Exit(2)
	}
}
