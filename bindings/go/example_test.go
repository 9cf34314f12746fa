//go:build cgo

package ocireg_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// exampleImage starts a registry for the examples, and gives the name of an image in it.
func exampleImage() (image string, stop func()) {
	r, stop := startRegistry()
	r.addImage("team/app", "v1", 100_000, 200_000)
	return r.host + "/team/app:v1", stop
}

func ExampleDefaultService_Pull() {
	image, stop := exampleImage() // Such as "busybox:1.36".
	defer stop()
	directory, err := os.MkdirTemp("", "layout")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)

	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	report, err := service.Pull(ctx, image, "oci:"+filepath.Join(directory, "app")+":v1", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, blob := range report.Blobs {
		fmt.Println(blob.Source, blob.MediaType)
	}
	// Output:
	// network application/vnd.oci.image.config.v1+json
	// network application/vnd.oci.image.layer.v1.tar
	// network application/vnd.oci.image.layer.v1.tar
}

func ExampleDefaultService_Push() {
	image, stop := exampleImage() // An image that somebody has built into a layout, pulled here.
	defer stop()
	directory, err := os.MkdirTemp("", "layout")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	layout := "oci:" + directory + ":app"
	if _, err := service.Pull(ctx, image, layout, nil); err != nil {
		log.Fatal(err)
	}

	host, _, _ := strings.Cut(image, "/")
	report, err := service.Push(ctx, layout, host+"/copies/app:v2", &ocireg.PushOptions{Tags: []string{"stable"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Tags)
	// Output: [v2 stable]
}

func ExampleDefaultService_Copy() {
	image, stop := exampleImage() // Such as "registry.example/team/app:v1".
	defer stop()
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	host, _, _ := strings.Cut(image, "/")
	report, err := service.Copy(ctx, "docker://"+image, "docker://"+host+"/copies/app:v2", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.BytesTransferred) // Within one registry blobs are mounted, if it allows that.
	// Output: 0
}

func ExampleWithProgress() {
	image, stop := exampleImage()
	defer stop()
	directory, err := os.MkdirTemp("", "layout")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	tooBig := errors.New("too big")
	ctx := ocireg.WithProgress(context.Background(), func(p ocireg.Progress) error {
		if p.Total > 250_000 {
			return tooBig
		}
		return nil
	})
	_, err = service.Pull(ctx, image, "oci:"+directory, nil)
	fmt.Println(errors.Is(err, tooBig))
	// Output: true
}

// exampleLayer starts a registry with an image of one layer, and gives the names of both.
func exampleLayer() (image, layer string, stop func()) {
	r, stop := startRegistry()
	var made bytes.Buffer
	files := tar.NewWriter(&made)
	for _, name := range []string{"etc/motd", "usr/bin/app"} {
		if err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o644}); err != nil {
			log.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		log.Fatal(err)
	}
	r.addImage("team/app", "v1", 1000)
	return r.host + "/team/app:v1", r.addBlob(made.Bytes()).Digest, stop
}

func ExampleBlobReader_Verify() {
	image, layer, stop := exampleLayer() // Such as "busybox:1.36", and a digest of its manifest.
	defer stop()
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx := context.Background()
	repository, err := service.OpenRepository(ctx, image, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer repository.Close()

	blob, err := repository.OpenBlob(ctx, layer, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer blob.Close()
	files := tar.NewReader(blob) // Of gzip.NewReader(blob), if the layer is compressed.
	for {
		file, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(file.Name)
	}
	// The archive may end before the blob, and only there its digest can be checked.
	if err := blob.Verify(); err != nil {
		log.Fatal(err) // Keep nothing of what was read.
	}
	fmt.Println("verified")
	// Output:
	// etc/motd
	// usr/bin/app
	// verified
}
