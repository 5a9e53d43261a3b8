"""Programs that make data: corrupted trees and the embedded data set of shapes."""
