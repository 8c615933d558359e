# docker build -t resnet-demo . && docker run -p 127.0.0.1:7860:7860 -v resnet-demo:/data \
#   -e RESNET_DEMO_ADMIN_TOKEN=choose-one resnet-demo
# In a container the page counts as public: the token lets its owner start and steer runs.
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py README.md LICENSE ./
COPY resnet_demo resnet_demo
COPY checkpoints checkpoints
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 RESNET_DEMO_HOME=/data
VOLUME /data
EXPOSE 7860
CMD ["python", "app.py"]
