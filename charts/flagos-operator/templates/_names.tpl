{{- define "flagos-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "flagos-operator.fullname" -}}
{{- $name := include "flagos-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "flagos-operator.selector" -}}
app.kubernetes.io/name: {{ include "flagos-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "flagos-operator.labels" -}}
{{ include "flagos-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "flagos-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "flagos-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "flagos-operator.image" -}}
{{- $name := list .Values.image.registry .Values.image.repository | compact | join "/" }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- /* registryRewrite as the operator reads it: from=to,from=to */ -}}
{{- define "flagos-operator.registryRewrite" -}}
{{- $pairs := list }}
{{- range $from, $to := .Values.operand.registryRewrite }}
{{- $pairs = append $pairs (printf "%s=%s" $from $to) }}
{{- end }}
{{- join "," $pairs }}
{{- end }}
