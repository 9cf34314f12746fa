//go:build cgo

package ocireg_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
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
