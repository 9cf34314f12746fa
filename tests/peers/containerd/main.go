// Command containerd applies the layers of an image to a directory as containerd does: containerd LAYOUT:NAME ROOT.
package main

import (
	"context"
	_ "crypto/sha256" // of digests
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/pkg/archive"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/opencontainers/go-digest"
)

type descriptor struct {
	Digest      digest.Digest     `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: containerd LAYOUT:NAME ROOT")
	}
	if err := unpack(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func unpack(image, root string) error {
	colon := strings.LastIndexByte(image, ':')
	if colon < 0 {
		return fmt.Errorf("%s has no name", image)
	}
	layout, name := image[:colon], image[colon+1:]
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if err := read(filepath.Join(layout, "index.json"), &index); err != nil {
		return err
	}
	for _, found := range index.Manifests {
		if found.Annotations["org.opencontainers.image.ref.name"] != name {
			continue
		}
		var manifest struct {
			Config descriptor   `json:"config"`
			Layers []descriptor `json:"layers"`
		}
		if err := read(blob(layout, found.Digest), &manifest); err != nil {
			return err
		}
		var config struct {
			RootFS struct {
				DiffIDs []digest.Digest `json:"diff_ids"`
			} `json:"rootfs"`
		}
		if err := read(blob(layout, manifest.Config.Digest), &config); err != nil {
			return err
		}
		if err := os.MkdirAll(root, 0o755); err != nil {
			return err
		}
		for number, layer := range manifest.Layers {
			if err := apply(blob(layout, layer.Digest), config.RootFS.DiffIDs[number], root); err != nil {
				return fmt.Errorf("layer %s: %w", layer.Digest, err)
			}
		}
		return nil
	}
	return fmt.Errorf("there is no %s in %s", name, layout)
}

// apply does what containerd's differ does: it decompresses, applies, reads what follows the archive, and compares the diff ID.
func apply(path string, diffID digest.Digest, root string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	stream, err := compression.DecompressStream(file)
	if err != nil {
		return err
	}
	defer stream.Close()
	digester := diffID.Algorithm().Digester()
	content := io.TeeReader(stream, digester.Hash())
	if _, err := archive.Apply(context.Background(), root, content); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	if digester.Digest() != diffID {
		return fmt.Errorf("its content is %s, not %s", digester.Digest(), diffID)
	}
	return nil
}

func blob(layout string, name digest.Digest) string {
	return filepath.Join(layout, "blobs", name.Algorithm().String(), name.Encoded())
}

func read(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
